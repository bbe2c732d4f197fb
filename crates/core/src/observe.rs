//! What a run tells whoever watches it: progress bars, logs, metrics.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{Kind, Outcome, Purpose, StreamName, TableName, Timestamp};

/// Something that happened, in numbers that a watcher may add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A stream's phase began; `expected` records where that is known.
    Started { stream: StreamName, expected: Option<u64> },
    /// Records of a stream came in.
    Fetched { stream: StreamName, records: u64 },
    /// A stream's phase ended.
    Finished { stream: StreamName },
    /// A request was answered, or was not; `outcome` is a word of few: `ok`, `rate_limited`, `credentials`, …
    Requested { stream: StreamName, purpose: Purpose, outcome: &'static str, millis: u64 },
    /// The vendor refused for its rate or quota; everybody waits this long.
    Waiting { millis: u64 },
    /// A journal segment became durable.
    SegmentCut { segment: u64, bytes: u64 },
    /// A destination began to load this many journal records.
    LoadStarted { destination: String, records: u64 },
    /// A destination took this many journal records more.
    Loaded { destination: String, records: u64 },
    /// A destination committed.
    LoadFinished { destination: String },
    /// A table got a new or wider column.
    SchemaChanged { destination: String, table: TableName, change: String },
    /// Something the user should know and the run survives.
    Warning { message: String },
    /// A run of the service ended, however it did.
    RunEnded { run: Arc<RunSummary> },
}

/// What a run came to, for metrics, readiness and alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunSummary {
    pub run_id: String,
    pub kind: String,
    pub outcome: Outcome,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    /// What went wrong in words; empty if nothing did.
    pub message: String,
    /// What went wrong by kind, to tell one trouble from another.
    pub trouble: Vec<Kind>,
    /// Whether a sync did all that keeps the data fresh, however the rest of it went.
    pub forward_complete: bool,
    /// When a paused run goes on.
    pub resumes_at: Option<Timestamp>,
    pub schema_changes: Vec<String>,
    /// Rows written by destination and table.
    pub rows: BTreeMap<(String, String), u64>,
    /// How long each destination took, in milliseconds.
    pub loads: BTreeMap<String, u64>,
}

impl RunSummary {
    /// Whether the data is fresh as of the end of this run.
    pub fn is_fresh(&self) -> bool {
        self.outcome.is_fresh(&self.kind, self.forward_complete)
    }
}

/// Watches a run. Must not block.
pub trait Observer: Send + Sync {
    fn notice(&self, event: Event);
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn notice(&self, _event: Event) {}
}
