//! Reading a destination as outsiders do, for comparing it with the journal.

use std::fmt;

use arrow::array::RecordBatch;
use async_trait::async_trait;

use crate::{DestinationState, Position, RecordKey, Result, TableName, TableSchema};

/// A destination read as it stands at one moment, by what is really stored and not by what it remembers of itself.
#[async_trait]
pub trait Audit: Send {
    /// Position and tables as they were when the audit began.
    fn state(&self) -> &DestinationState;

    /// Whether rows of deleted records stay, marked; otherwise they go.
    fn keeps_deleted(&self) -> bool;

    /// Shows every row of a table to `sink`, in any order.
    ///
    /// # Behavior
    /// - What any reader of the table finds is shown, whoever put it there; a row that is there twice is shown twice.
    /// - Memory stays flat however large the table is.
    /// - A part of the table that cannot be read is passed over and told by [`Audit::damages`].
    async fn rows(
        &mut self,
        table: &TableName,
        sink: &mut (dyn for<'r> FnMut(AuditRow<'r>) + Send),
    ) -> Result<()>;

    /// Compares the rows of these records with what they should be.
    ///
    /// # Behavior
    /// - `expected` holds all rows that these records should have in the table, each once; its columns may be
    ///   narrower than the table's.
    /// - `_loaded_at` is not compared; columns that somebody added are not either.
    /// - No answer is no difference. Doing it again gives the same.
    async fn compare(
        &mut self,
        schema: &TableSchema,
        records: &[RecordKey],
        expected: &RecordBatch,
    ) -> Result<Vec<Difference>>;

    /// What was found that is not as it was left, file by file or table by table, in words; so far.
    fn damages(&self) -> Vec<String>;

    /// Ends the audit.
    ///
    /// # Behavior
    /// - `Conflict`, temporary, if a load changed what was read meanwhile: then the answers do not fit together.
    async fn finish(self: Box<Self>) -> Result<()>;
}

/// One row, by what places it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditRow<'a> {
    /// The key of the record that it belongs to: in a child table the parent's.
    pub record: &'a str,
    /// What follows in the key of a child table.
    pub index: &'a [i64],
    /// `None` in a row that nobody of ours wrote.
    pub position: Option<Position>,
    pub deleted: bool,
}

/// A row that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub record: RecordKey,
    /// As in [`AuditRow`].
    pub index: Vec<i64>,
    pub what: Deviation,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deviation {
    Missing,
    /// Not expected, or there more than once.
    Extra,
    /// These columns have other values.
    Columns(Vec<String>),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.record)?;
        self.index.iter().try_for_each(|index| write!(f, "/{index}"))?;
        match &self.what {
            Deviation::Missing => f.write_str(": no such row"),
            Deviation::Extra => f.write_str(": a row too many"),
            Deviation::Columns(columns) => write!(f, ": {}", columns.join(", ")),
        }
    }
}
