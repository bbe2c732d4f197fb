//! What the state store knows of each record, and which details are still to be fetched.

use serde::{Deserialize, Serialize};

use crate::{Position, RecordKey, StreamName, Timestamp};

/// The last journalled version of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub stream: StreamName,
    pub key: RecordKey,
    /// Of the vendor's bytes, see [`crate::content_hash`].
    pub hash: u64,
    pub position: Position,
    pub private: Option<bool>,
    /// The call's own time; `None` for what is no call or has no time.
    pub time: Option<Timestamp>,
    pub modified: Option<Timestamp>,
    pub status: Option<String>,
    /// Of the listed record, see [`crate::Fingerprinter`]; 0 where it does not apply.
    pub fingerprint: u64,
    /// How many field paths were known when the fingerprint was taken.
    pub paths: u32,
    /// When the vendor last confirmed this version.
    pub checked_at: Timestamp,
    /// The generation that last fetched it.
    pub generation: u32,
    /// The vendor answered 404, or a tombstone was written.
    pub gone: bool,
    /// How many complete snapshots in a row did not show it. A call, which can be asked for by its id, has 1 from when a
    /// proved listing of its time does not show it until one does.
    pub absent: u32,
}

/// A details request that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEntry {
    pub stream: StreamName,
    pub key: RecordKey,
    pub reason: Reason,
    pub due_at: Timestamp,
    /// The call's time: within a reason the newest goes first.
    pub time: Option<Timestamp>,
    /// Failed attempts, or fetches that found the call not complete.
    pub attempts: u32,
}

/// Why, in the order of priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Somebody asked for this call.
    OnDemand,
    /// The list shows a ready or final status for the first time.
    Ready,
    /// The listed record changed, or its privacy did.
    Changed,
    /// Absent from a proved listing by time: a 404 would confirm that it was deleted.
    Missing,
    /// Found by a historical listing: the first sync, a backfill.
    Backfill,
    /// Looked complete too early, or only a new field appeared.
    Reread,
    /// The generation's turn.
    Generation,
}

impl Reason {
    pub const ALL: [Self; 7] = [
        Self::OnDemand,
        Self::Ready,
        Self::Changed,
        Self::Missing,
        Self::Backfill,
        Self::Reread,
        Self::Generation,
    ];

    /// The lowest goes first. The numbers are stored: none ever changes.
    pub fn priority(self) -> i64 {
        match self {
            Self::OnDemand => 0,
            Self::Ready => 10,
            Self::Changed => 20,
            Self::Missing => 25,
            Self::Backfill => 30,
            Self::Reread => 40,
            Self::Generation => 50,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on_demand",
            Self::Ready => "ready",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::Backfill => "backfill",
            Self::Reread => "reread",
            Self::Generation => "generation",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == text)
    }
}
