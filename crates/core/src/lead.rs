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
    /// Reads in a row that failed since.
    pub attempts: u32,
    /// Until when it is left alone because they did.
    pub rests_until: Option<Timestamp>,
}

impl Lead {
    /// One that was found just now.
    pub fn found(stream: StreamName, key: RecordKey) -> Self {
        Self { stream, key, asked_at: None, missing: false, attempts: 0, rests_until: None }
    }

    /// The vendor answered.
    #[must_use]
    pub fn answered(self, at: Timestamp, missing: bool) -> Self {
        Self { asked_at: Some(at), missing, attempts: 0, rests_until: None, ..self }
    }

    /// It could not be read once more; as to when it was last answered nothing changes.
    #[must_use]
    pub fn failed(self, rests_until: Timestamp) -> Self {
        Self { attempts: self.attempts.saturating_add(1), rests_until: Some(rests_until), ..self }
    }

    /// Whether it is left alone at this moment.
    pub fn rests(&self, now: Timestamp) -> bool {
        self.rests_until.is_some_and(|until| until > now)
    }
}
