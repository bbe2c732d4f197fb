//! A load under way: one transaction.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clarion_core::{
    ChangeSet, Error, Kind, Load, LoadReport, LoadSpec, Novelty, Position, Result, SchemaChange, StreamName,
    TableChange, TableName, TableSchema, fault,
};
use tokio::time::Instant;

use super::catalog::{Remembered, Stored};
use super::session::{Copied, Session};
use super::settings::Deletes;
use super::sql::Statements;

pub(super) struct PostgresLoad {
    pub(super) session: Session,
    pub(super) statements: Statements,
    pub(super) spec: LoadSpec,
    pub(super) deletes: Deletes,
    pub(super) stored: Position,
    pub(super) tables: BTreeMap<TableName, Target>,
    /// New and widened columns.
    pub(super) schema_changes: Vec<SchemaChange>,
    /// What records showed that tables had no room for.
    pub(super) novelties: Vec<Novelty>,
    /// Changes that are stored already.
    pub(super) noted: Vec<String>,
    /// Whether the transaction holds anything that would be lost with it.
    pub(super) touched: bool,
    /// Set while a change set is written: what was begun and not finished can never be committed.
    broken: bool,
}

/// A table in this load.
pub(super) struct Target {
    pub(super) schema: Arc<TableSchema>,
    /// Rows in the table, deleted ones that are only marked included.
    pub(super) rows: u64,
    /// `None` until the load first touches the table.
    pub(super) fill: Option<Fill>,
    /// Whether the table has no primary key: a rebuild gives it one at its end.
    pub(super) keyless: bool,
    /// Whether a staging table of the current schema is there.
    pub(super) staged: bool,
    /// Whether what is remembered of the table must be written: its schema or its number of rows.
    pub(super) changed: bool,
    pub(super) written: u64,
    pub(super) bytes: u64,
    pub(super) elapsed: Duration,
}

/// What was in a table when the load first touched it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fill {
    /// The load made the table; its key is added at the end.
    New,
    /// No key that comes can be there: each comes once in a load.
    Empty,
    Rows,
}

/// Records of a stream that were older than what the table has: their children stay as they are too.
pub(super) type Refused = HashSet<String>;

impl PostgresLoad {
    pub(super) fn new(
        session: Session,
        statements: Statements,
        spec: LoadSpec,
        deletes: Deletes,
        stored: Stored,
    ) -> Self {
        let (position, noted) = (stored.position, stored.noted);
        let tables = targets(stored.tables, spec.replace);
        Self {
            session,
            statements,
            spec,
            deletes,
            stored: position,
            tables,
            schema_changes: Vec::new(),
            novelties: Vec::new(),
            noted,
            touched: false,
            broken: false,
        }
    }

    pub(super) fn target(&mut self, table: &TableName) -> &mut Target {
        self.tables.get_mut(table).expect("`ensure` has put the table there")
    }

    /// Writes parents before children, which follow what became of their parents.
    async fn apply(&mut self, change: &ChangeSet) -> Result<()> {
        self.reshape_first(change).await?;
        self.touched = true;
        self.novelties.extend(change.novelties.iter().cloned());
        let mut refused: BTreeMap<&StreamName, Refused> = BTreeMap::new();
        for table in change.tables.iter().filter(|table| table.schema.parent.is_none()) {
            let keys = self.timed(table, None).await?;
            refused.entry(&table.schema.stream).or_default().extend(keys);
        }
        fault::point("postgres.staged");
        for table in change.tables.iter().filter(|table| table.schema.parent.is_some()) {
            self.timed(table, refused.get(&table.schema.stream)).await?;
        }
        Ok(())
    }

    async fn timed(&mut self, table: &TableChange, refused: Option<&Refused>) -> Result<Refused> {
        let started = Instant::now();
        let name = &table.schema.table;
        let written = self.write_table(table, refused).await.map_err(|error| error.with("table", name));
        let keys = written?;
        self.target(name).elapsed += started.elapsed();
        Ok(keys)
    }

    async fn write_table(&mut self, table: &TableChange, refused: Option<&Refused>) -> Result<Refused> {
        self.ensure(&table.schema).await?;
        let keys = if table.schema.parent.is_none() {
            self.write_records(table).await?
        } else {
            self.write_children(table, refused).await?;
            Refused::new()
        };
        self.write_tombstones(table).await?;
        Ok(keys)
    }
}

pub(super) fn targets(tables: BTreeMap<TableName, Remembered>, replace: bool) -> BTreeMap<TableName, Target> {
    let target = |(name, remembered): (TableName, Remembered)| {
        let mut target = Target::new(remembered.schema, remembered.rows);
        target.keyless = remembered.keyless;
        target.fill = replace.then_some(Fill::Empty);
        target.changed = replace;
        (name, target)
    };
    tables.into_iter().map(target).collect()
}

impl Target {
    pub(super) fn new(schema: Arc<TableSchema>, rows: u64) -> Self {
        Self {
            schema,
            rows,
            fill: None,
            keyless: false,
            staged: false,
            changed: false,
            written: 0,
            bytes: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// Books rows that were deleted, and not only marked.
    pub(super) fn deleted(&mut self, rows: u64) {
        self.rows = self.rows.saturating_sub(rows);
        self.changed |= rows > 0;
    }

    /// Books rows that were copied straight into the table.
    pub(super) fn copied(&mut self, copied: Copied) {
        self.rows += copied.rows;
        self.changed = true;
        self.written += copied.rows;
        self.bytes += copied.bytes;
    }
}

#[async_trait]
impl Load for PostgresLoad {
    async fn write(&mut self, change: ChangeSet) -> Result<()> {
        if self.broken {
            return Err(broken());
        }
        // Also for a caller that drops this future half-way.
        self.broken = true;
        self.apply(&change).await?;
        self.broken = false;
        Ok(())
    }

    async fn commit(self: Box<Self>, to: Position) -> Result<LoadReport> {
        if self.broken {
            return Err(broken());
        }
        self.finish(to).await
    }
}

fn broken() -> Error {
    Error::new(Kind::Conflict, "a load that failed cannot go on").hint("begin it again")
}
