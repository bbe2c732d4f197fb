//! What the journal keeps of a response: the vendor's object, verbatim, in an envelope.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::{RecordKey, StreamName, Timestamp};

/// One version of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub stream: StreamName,
    pub key: RecordKey,
    pub op: Op,
    /// When the response came in; the column `_extracted_at`.
    pub observed_at: Timestamp,
    /// Whether the call is private; `None` where it is unknown or does not apply.
    pub private: Option<bool>,
    /// The call's time, for ordering loads; not part of the envelope, kept in the segment's index.
    pub time: Option<Timestamp>,
    /// The vendor's object as it came, on one line; empty for a delete.
    pub data: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    Upsert,
    Delete,
}
