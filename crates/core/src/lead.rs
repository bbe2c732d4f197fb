//! Values that records of one stream name and another stream is asked for: the CRM ids in calls, the ids of playlists.

use crate::{RecordKey, StreamName, Timestamp};

/// What a stream is to be asked for, once and then again on its schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// The stream to ask.
    pub stream: StreamName,
    pub key: RecordKey,
    /// When the vendor last answered; `None` if it was never asked.
    pub asked_at: Option<Timestamp>,
    /// The answer was a 404.
    pub missing: bool,
}

impl Lead {
    /// One that was found just now.
    pub fn found(stream: StreamName, key: RecordKey) -> Self {
        Self { stream, key, asked_at: None, missing: false }
    }
}
