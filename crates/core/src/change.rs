//! What a load does to a destination's tables.

use std::sync::Arc;

use arrow::array::RecordBatch;
use serde::Serialize;

use crate::{Contract, Position, RecordKey, RunId, StreamName, TableName, TableSchema, Timestamp};

/// Changes to all tables that belong together: parents with their children.
#[derive(Debug, Clone, Default)]
pub struct ChangeSet {
    pub tables: Vec<TableChange>,
    /// Values that no column could hold as they were; their records are loaded without them.
    pub rejected: Vec<RejectedValue>,
    /// Journal records that went in.
    pub records: u64,
    /// What these records showed that their tables had no room for.
    pub novelties: Vec<Novelty>,
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

/// A change of a table's columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaChange {
    pub table: TableName,
    pub stream: StreamName,
    /// `None` where the table itself is new.
    pub column: Option<String>,
    /// Types in words.
    pub from: Option<String>,
    pub to: Option<String>,
    /// In words, for instance `calls: new column sentiment (text)`.
    pub change: String,
    /// Where in the journal the record stands that brought it.
    #[serde(serialize_with = "as_text")]
    pub record: Option<Position>,
}

/// A change as a destination remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SchemaChanged {
    pub at: Timestamp,
    /// The run that loaded it.
    pub run: String,
    #[serde(flatten)]
    pub change: SchemaChange,
}

impl SchemaChange {
    /// What a contract kept out of a table.
    pub fn left_out(novelty: &Novelty) -> Self {
        Self {
            table: novelty.table.clone(),
            stream: novelty.stream.clone(),
            column: Some(novelty.column.clone()),
            from: None,
            to: None,
            change: format!("{}: field {} left out, {}", novelty.table, novelty.field, novelty.seen),
            record: Some(novelty.position),
        }
    }

    /// Whether both say that a contract keeps the same column out.
    pub fn is_again(&self, earlier: &Self) -> bool {
        let left_out = |change: &Self| change.column.is_some() && change.to.is_none();
        left_out(self)
            && left_out(earlier)
            && (&self.table, &self.column) == (&earlier.table, &earlier.column)
    }

    /// Adds which record brought it, if one of these did.
    pub fn brought_by(mut self, novelties: &[Novelty]) -> Self {
        let is_it =
            |novelty: &&Novelty| novelty.table == self.table && Some(&novelty.column) == self.column.as_ref();
        self.record = self.record.or_else(|| novelties.iter().find(is_it).map(|novelty| novelty.position));
        self
    }
}

fn as_text<S: serde::Serializer>(position: &Option<Position>, to: S) -> Result<S::Ok, S::Error> {
    position.map(|position| position.to_string()).serialize(to)
}

/// A record showed a field that its table had no column for, or a value that its column's type could not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Novelty {
    pub stream: StreamName,
    pub table: TableName,
    /// The vendor's field.
    pub field: String,
    /// The column that holds it, or would.
    pub column: String,
    /// In words, for instance `new field (text)`.
    pub seen: String,
    /// The record.
    pub position: Position,
    /// What became of it.
    pub under: Contract,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedValue {
    pub stream: StreamName,
    pub key: RecordKey,
    /// Which field and why, for instance `time: not a time`. Never the value itself.
    pub reason: String,
}
