//! The normaliser's port: journal records in, table changes out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::{ChangeSet, Entry, Position, RunId, TableName, TableSchema, Timestamp};

/// A journal record on its way into tables.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    pub entry: &'a Entry,
    pub position: Position,
    /// The run that extracted it; the column `_run_id`.
    pub run_id: &'a RunId,
}

/// Turns records into rows; pure and synchronous, one for each load of a destination.
pub trait Normalise: Send {
    /// # Behavior
    /// - Each key occurs in `chunk` once; the order does not matter.
    /// - Widens its schemas as it meets new shapes: a later change set may have wider schemas than an earlier one.
    fn normalise(&mut self, chunk: &[Item<'_>]) -> ChangeSet;
}

/// Makes the normaliser of a load, given the tables that the destination has and the load's `_loaded_at`.
pub type MakeNormaliser =
    Arc<dyn Fn(&BTreeMap<TableName, Arc<TableSchema>>, Timestamp) -> Box<dyn Normalise> + Send + Sync>;
