//! The record of what was asked and answered.

use std::collections::{BTreeMap, VecDeque};

use chrono::{DateTime, Utc};
use serde::Serialize;

/// Requests kept; a simulator that runs for days forgets the oldest, the counts stay right.
const KEPT: usize = 200_000;

/// One request to the vendor's API, refused or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestLog {
    /// Counted from 1 since the start or the last reset.
    pub number: u64,
    /// `GET`, …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The decoded query, in the order sent.
    pub query: Vec<(String, String)>,
    /// Status of the answer; 0 while it is not decided.
    pub status: u16,
    /// Arrival, by the simulator's clock.
    pub at: DateTime<Utc>,
    /// The fault injected, by its name in the specification.
    pub fault: Option<String>,
}

impl RequestLog {
    /// The first value of a query parameter.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Requests since the start or the last reset.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<RequestLog>,
    counts: Counts,
}

/// What `/_control/counts` shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// Answers with 429.
    pub(crate) refused: u64,
    pub(crate) by_path: BTreeMap<String, u64>,
    pub(crate) by_status: BTreeMap<u16, u64>,
    pub(crate) faults: BTreeMap<String, u64>,
}

impl Log {
    /// The number of the next request.
    pub(crate) fn next_number(&self) -> u64 {
        self.counts.requests + 1
    }

    pub(crate) fn push(&mut self, entry: RequestLog) {
        self.counts.requests += 1;
        self.counts.refused += u64::from(entry.status == 429);
        *self.counts.by_path.entry(entry.path.clone()).or_default() += 1;
        *self.counts.by_status.entry(entry.status).or_default() += 1;
        if let Some(fault) = &entry.fault {
            *self.counts.faults.entry(fault.clone()).or_default() += 1;
        }
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<RequestLog> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }
}
