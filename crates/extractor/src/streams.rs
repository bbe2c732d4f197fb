//! The streams as data: where each is asked for and where its records lie in the answer.

use clarion_core::StreamName;

/// One endpoint. A further stream is one more entry, not more code.
#[derive(Debug)]
pub(crate) struct StreamSpec {
    pub(crate) name: StreamName,
    pub(crate) path: &'static str,
    /// The field of the answer that holds the records.
    pub(crate) records: &'static str,
    /// The field of a record that is its key.
    pub(crate) key: &'static str,
    pub(crate) read: Read,
}

/// How an endpoint is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// Pages by time, with proof.
    Listing,
    /// One record by its id.
    ById,
    /// Everything in one answer.
    Snapshot,
}

pub(crate) static CALLS: StreamSpec =
    StreamSpec { name: StreamName::CALLS, path: "/calls", records: "calls", key: "id", read: Read::Listing };

pub(crate) static CALL_DETAILS: StreamSpec = StreamSpec {
    name: StreamName::CALL_DETAILS,
    path: "/call-details",
    records: "call",
    key: "id",
    read: Read::ById,
};

pub(crate) static USERS: StreamSpec =
    StreamSpec { name: StreamName::USERS, path: "/users", records: "users", key: "id", read: Read::Snapshot };

static ALL: [&StreamSpec; 3] = [&CALLS, &CALL_DETAILS, &USERS];

/// The snapshot stream of this name.
pub(crate) fn snapshot(name: &StreamName) -> Option<&'static StreamSpec> {
    ALL.into_iter().find(|spec| spec.read == Read::Snapshot && spec.name == *name)
}
