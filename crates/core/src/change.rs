//! What a load does to a destination's tables.

use std::sync::Arc;

use arrow::array::RecordBatch;

use crate::{Position, RecordKey, RunId, StreamName, TableSchema, Timestamp};

/// Changes to all tables that belong together: parents with their children.
#[derive(Debug, Clone, Default)]
pub struct ChangeSet {
    pub tables: Vec<TableChange>,
    /// Values that no column could hold as they were; their records are loaded without them.
    pub rejected: Vec<RejectedValue>,
    /// Journal records that went in.
    pub records: u64,
}

/// Changes to one table. Within one load a key occurs in one change set at most.
#[derive(Debug, Clone)]
pub struct TableChange {
    /// The table as it must be after this change: the schema of `rows`.
    pub schema: Arc<TableSchema>,
    /// Rows to insert or replace by key. Where the schema has a time column the rows are sorted by it
    /// (nulls first), then by key.
    pub rows: RecordBatch,
    /// Child tables: every parent of this change. Its rows are replaced as a whole, also by none.
    pub parents: Vec<RecordKey>,
    /// Records that the vendor deleted; in a child table these are parents. One whose last version comes in the same
    /// change set has rows in it, which are marked already.
    pub tombstones: Vec<Tombstone>,
}

/// A record is gone at the source: its rows get `_deleted_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    pub key: RecordKey,
    pub deleted_at: Timestamp,
    pub position: Position,
    pub run_id: RunId,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedValue {
    pub stream: StreamName,
    pub key: RecordKey,
    /// Which field and why, for instance `time: not a time`. Never the value itself.
    pub reason: String,
}
