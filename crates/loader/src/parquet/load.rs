//! A load under way: change sets in, spread over the tables, encoded on two threads.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use clarion_core::{
    ChangeSet, Clock, Error, Kind, Load, LoadReport, LoadSpec, Position, RecordKey, Result, StreamName,
    TableChange, TableName, Timestamp,
};
use tokio::task::spawn_blocking;

use super::manifest::Manifest;
use super::table::{Context, TableLoad};
use super::writer::sliced_bytes;

/// Memory of all files under way together. Past it the largest ends its row group.
const BUDGET: usize = 24 << 20;

/// What the port's user holds. The work itself moves to a blocking thread and back.
pub(super) struct ParquetLoad(Option<Box<Work>>);

pub(super) struct Work {
    pub(super) context: Context,
    pub(super) spec: LoadSpec,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) began: Timestamp,
    /// As it was when the load began.
    pub(super) manifest: Manifest,
    pub(super) tables: BTreeMap<TableName, TableLoad>,
    /// The manifest may speak of the staged files: from here on they are the lake's.
    pub(super) committed: bool,
    /// Held until the load is over, however it ends.
    pub(super) _lock: File,
}

impl ParquetLoad {
    pub(super) fn new(work: Work) -> Self {
        Self(Some(Box::new(work)))
    }
}

#[async_trait]
impl Load for ParquetLoad {
    async fn write(&mut self, change: ChangeSet) -> Result<()> {
        let mut work = self.0.take().ok_or_else(failed_before)?;
        let written = spawn_blocking(move || work.write(change).map(|()| work)).await;
        // After a failure nothing is put back, so that the load cannot be committed without its rows.
        self.0 = Some(written.map_err(panicked)??);
        Ok(())
    }

    async fn commit(mut self: Box<Self>, to: Position) -> Result<LoadReport> {
        let mut work = self.0.take().ok_or_else(failed_before)?;
        spawn_blocking(move || work.commit(to)).await.map_err(panicked)?
    }
}

impl Work {
    fn write(&mut self, change: ChangeSet) -> Result<()> {
        for table in &change.tables {
            self.open(table)?;
        }
        let stale = self.stale(&change.tables)?;
        let jobs = self.jobs(change.tables);
        let none = HashSet::new();
        let run = |jobs: Vec<(TableLoad, TableChange)>| -> Result<Vec<TableLoad>> {
            let one = |(mut load, change): (TableLoad, TableChange)| {
                let stale = stale.get(&change.schema.stream).unwrap_or(&none);
                load.write(change, stale).map(|()| load)
            };
            jobs.into_iter().map(one).collect()
        };
        let [first, second] = jobs;
        let loads = std::thread::scope(|scope| {
            let other = scope.spawn(|| run(second));
            let mut loads = run(first)?;
            loads.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
            Ok::<_, Error>(loads)
        })?;
        self.tables.extend(loads.into_iter().map(|load| (load.schema.table.clone(), load)));
        self.keep_budget()
    }

    fn open(&mut self, change: &TableChange) -> Result<()> {
        let name = &change.schema.table;
        if !self.tables.contains_key(name) {
            let old = self.manifest.tables.get(name).filter(|_| !self.spec.replace).cloned();
            self.tables.insert(name.clone(), TableLoad::open(&self.context, old, &change.schema)?);
        }
        Ok(())
    }

    /// By stream the records that are no newer than what the lake has: their children are as old.
    fn stale(&self, changes: &[TableChange]) -> Result<HashMap<StreamName, HashSet<RecordKey>>> {
        let mut stale = HashMap::new();
        for change in changes.iter().filter(|change| change.schema.parent.is_none()) {
            let table = self.tables.get(&change.schema.table).expect("every table of the change is open");
            stale.insert(change.schema.stream.clone(), table.stale(change)?);
        }
        Ok(stale)
    }

    /// Two halves of about the same number of bytes.
    fn jobs(&mut self, mut changes: Vec<TableChange>) -> [Vec<(TableLoad, TableChange)>; 2] {
        changes.sort_by_key(|change| std::cmp::Reverse(sliced_bytes(&change.rows)));
        let mut halves = [Vec::new(), Vec::new()];
        let mut bytes = [0, 0];
        for change in changes {
            let half = usize::from(bytes[1] < bytes[0]);
            bytes[half] += sliced_bytes(&change.rows);
            let load = self.tables.remove(&change.schema.table).expect("every table of the change is open");
            halves[half].push((load, change));
        }
        halves
    }

    fn keep_budget(&mut self) -> Result<()> {
        while self.tables.values().map(TableLoad::memory).sum::<usize>() > BUDGET {
            let largest = self.tables.values_mut().max_by_key(|table| table.largest());
            largest.expect("memory is used by a table").flush_largest()?;
        }
        Ok(())
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if !self.committed {
            // What stays behind is swept at the next start.
            let _ = self.context.store.remove_folder(&self.context.staging);
        }
    }
}

fn failed_before() -> Error {
    Error::new(Kind::Storage, "the load failed before").hint("begin it anew")
}

fn panicked(error: tokio::task::JoinError) -> Error {
    Error::new(Kind::Storage, "writing ended in a panic").source(error)
}
