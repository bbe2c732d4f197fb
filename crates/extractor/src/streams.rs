//! The two streams that are read their own way: where each is asked for and where its records lie in the answer.
//! All others are declarations, see [`clarion_core::Declaration`].

use clarion_core::StreamName;

#[derive(Debug)]
pub(crate) struct StreamSpec {
    pub(crate) name: StreamName,
    pub(crate) path: &'static str,
    /// The field of the answer that holds the records.
    pub(crate) records: &'static str,
    /// The field of a record that is its key.
    pub(crate) key: &'static str,
}

pub(crate) static CALLS: StreamSpec =
    StreamSpec { name: StreamName::CALLS, path: "/calls", records: "calls", key: "id" };

pub(crate) static CALL_DETAILS: StreamSpec =
    StreamSpec { name: StreamName::CALL_DETAILS, path: "/call-details", records: "call", key: "id" };
