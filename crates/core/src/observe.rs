//! What a run tells whoever watches it: progress bars, logs, metrics.

use crate::{StreamName, TableName};

/// Something that happened, in numbers that a watcher may add up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A stream's phase began; `expected` records where that is known.
    Started { stream: StreamName, expected: Option<u64> },
    /// Records of a stream came in.
    Fetched { stream: StreamName, records: u64 },
    /// A stream's phase ended.
    Finished { stream: StreamName },
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
