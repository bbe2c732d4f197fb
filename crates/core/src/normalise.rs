//! The normaliser's port: journal records in, table changes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{ChangeSet, Entry, Op, Position, RunId, TableName, TableSchema, Timestamp};

/// A journal record on its way into tables.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub entry: &'a Entry,
    pub position: Position,
    /// The run that extracted it; the column `_run_id`.
    pub run_id: &'a RunId,
    /// Set if the record was deleted after this version: its rows are written and marked.
    pub gone: Option<Gone<'a>>,
}

impl<'a> Item<'a> {
    /// When, where and by which run the record was deleted, whether this is that deletion or the version before it.
    pub fn deletion(&self) -> Option<Gone<'a>> {
        match self.entry.op {
            Op::Delete => {
                Some(Gone { at: self.entry.observed_at, position: self.position, run_id: self.run_id })
            }
            Op::Upsert => self.gone,
        }
    }
}

/// Where the journal says that a record was deleted.
#[derive(Debug, Clone, Copy)]
pub struct Gone<'a> {
    pub at: Timestamp,
    pub position: Position,
    pub run_id: &'a RunId,
}

/// Turns records into rows; pure and synchronous, one for each load of a destination.
pub trait Normalise: Send {
    /// # Behavior
    /// - Each key occurs in `chunk` once; the order does not matter.
    /// - Widens its schemas as it meets new shapes: a later change set may have wider schemas than an earlier one.
    fn normalise(&mut self, chunk: &[Item<'_>]) -> ChangeSet;
}

/// By table the column that a vendor field has. Which of two fields has the name that both would have is decided by the
/// first load; this is how a later one of an empty table knows.
pub type ColumnNames = BTreeMap<TableName, BTreeMap<String, String>>;

/// The columns that fields were given when they were first seen; the contract's have theirs from it.
pub fn column_names(schemas: &BTreeMap<TableName, Arc<TableSchema>>) -> ColumnNames {
    let named = |schema: &Arc<TableSchema>| {
        let found = schema.columns.iter().filter(|column| !column.declared && !column.source.is_empty());
        found.map(|column| (column.source.clone(), column.name.clone())).collect()
    };
    schemas.iter().map(|(table, schema)| (table.clone(), named(schema))).collect()
}

/// Makes the normaliser of a load, given the tables that the destination has, the names of columns that it does not have,
/// and the load's `_loaded_at`.
pub type MakeNormaliser = Arc<
    dyn Fn(&BTreeMap<TableName, Arc<TableSchema>>, &ColumnNames, Timestamp) -> Box<dyn Normalise>
        + Send
        + Sync,
>;
