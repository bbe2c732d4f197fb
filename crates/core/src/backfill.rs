//! A historical load that somebody asked for, and how far it is.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A job that lists a span of call times newest first, slice by slice, and fetches the details of what it finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// The span in the words in which it was asked for: asking for the same goes on with this job.
    pub id: String,
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive: as asked for, or when the job began.
    pub to: Timestamp,
    pub begun_at: Timestamp,
    /// Calls that were to be listed, as the vendor counted them when the job began.
    pub expected: u64,
    /// Requests that this was to take.
    pub planned: u64,
    /// Calls listed so far, in slices that are proved and in the one in hand.
    pub listed: u64,
    /// Requests so far.
    pub spent: u64,
    pub in_hand: Option<SliceInHand>,
    pub ended_at: Option<Timestamp>,
}

/// A slice that is being listed, in the order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceInHand {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
    /// Pages up to here are durable, and the details of their calls fetched or queued.
    pub listed_to: Timestamp,
    /// Calls among them with a time before `listed_to`.
    pub rows: u64,
}

impl Backfill {
    /// Whether anybody has begun to work on it: what it takes is estimated first.
    pub fn is_begun(&self) -> bool {
        self.planned > 0 || self.ended_at.is_some()
    }

    /// A job that has not begun.
    pub fn new(id: String, from: Timestamp, to: Option<Timestamp>, now: Timestamp) -> Self {
        Self {
            id,
            from,
            to: to.unwrap_or(now),
            begun_at: now,
            expected: 0,
            planned: 0,
            listed: 0,
            spent: 0,
            in_hand: None,
            ended_at: None,
        }
    }
}
