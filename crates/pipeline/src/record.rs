//! From a source record to what the journal and the state store keep of it.

use clarion_core::{
    Entry, Fingerprint, Known, Op, Position, SourceRecord, StreamName, Timestamp, content_hash,
};

/// A record of a stream as it came in.
pub(crate) struct Arrival<'a> {
    pub(crate) stream: &'a StreamName,
    pub(crate) record: &'a SourceRecord,
    pub(crate) private: Option<bool>,
    pub(crate) at: Timestamp,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) generation: u32,
}

impl Arrival<'_> {
    pub(crate) fn entry(&self) -> Entry {
        Entry {
            stream: self.stream.clone(),
            key: self.record.key.clone(),
            op: Op::Upsert,
            observed_at: self.at,
            private: self.private,
            time: self.record.time,
            data: self.record.data.clone(),
        }
    }

    /// Without its position, which the segment gives it.
    pub(crate) fn known(&self) -> Known {
        Known {
            stream: self.stream.clone(),
            key: self.record.key.clone(),
            hash: content_hash(&self.record.data),
            position: Position::START,
            private: self.private,
            time: self.record.time,
            modified: self.record.modified,
            status: self.record.status.clone(),
            fingerprint: self.fingerprint.hash,
            paths: self.fingerprint.paths,
            checked_at: self.at,
            generation: self.generation,
            gone: false,
            absent: 0,
        }
    }
}
