//! Where things stand, in numbers.

use std::collections::BTreeMap;

use chrono::Duration;

use crate::{Reason, StreamName, Timestamp};

/// Numbers of this moment, for metrics.
#[derive(Debug, Clone)]
pub struct Gauges {
    /// `None` when unlimited.
    pub quota_left: Option<u64>,
    /// By reason: waiting, and due.
    pub queue: BTreeMap<Reason, (u64, u64)>,
    pub streams: Vec<StreamGauge>,
    /// Records that could not be fetched, or not be loaded as they are; none where a stream is missing.
    pub rejected: BTreeMap<StreamName, u64>,
    /// Calls of unfinished backfills: expected, and listed.
    pub backfill: (u64, u64),
    /// Journal records that a destination has not loaded; `None` if it never answered.
    pub destinations: BTreeMap<String, Option<u64>>,
}

#[derive(Debug, Clone)]
pub struct StreamGauge {
    pub name: StreamName,
    /// The end of the last sync that left the data fresh.
    pub last_success: Option<Timestamp>,
    /// How old the data may be; `None` before the first success.
    pub lag: Option<Duration>,
}
