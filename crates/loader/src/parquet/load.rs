//! A load under way: change sets in, spread over the tables, encoded on two threads.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::sync::Arc;

use async_trait::async_trait;
use clarion_core::{
    ChangeSet, Clock, Error, Kind, Load, LoadReport, LoadSpec, Novelty, Position, RecordKey, Result,
    StreamName, TableChange, TableName, Timestamp,
};
use tokio::task::spawn_blocking;

use super::manifest::Manifest;
use super::table::{Context, TableLoad};
use super::writer::sliced_bytes;

/// Memory of all files under way together. Past it the largest ends its row group.
const BUDGET: usize = 12 << 20;

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
    /// What records showed that tables had no room for.
    pub(super) novelties: Vec<Novelty>,
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
        self.novelties.extend(change.novelties);
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
            let _ = self.context.store.discard(&self.context.staging);
        }
    }
}

fn failed_before() -> Error {
    Error::new(Kind::Storage, "the load failed before").hint("begin it anew")
}

fn panicked(error: tokio::task::JoinError) -> Error {
    Error::new(Kind::Storage, "writing ended in a panic").source(error)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use clarion_core::testing::destination::{Call, Script};
    use clarion_core::{ManualClock, Position};

    use super::super::manifest::Manifest;
    use super::super::store::Store;
    use super::{BUDGET, Context, Work, sliced_bytes};

    #[test]
    fn memory_of_open_files_stays_within_the_budget() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let calls: Vec<Call> = (0..240_u32).map(noisy_call).collect();
        let spec = Script::new(Position::START, calls.clone()).announced();
        let mut work = work(Store::new(folder.path().to_owned()), spec);
        let (mut bytes, mut most) = (0, 0);
        for calls in calls.chunks(40) {
            let change = Script::new(Position::START, calls.to_vec()).change();
            bytes += change.tables.iter().map(|table| sliced_bytes(&table.rows)).sum::<usize>();
            work.write(change).expect("the rows are taken");
            most = most.max(work.tables.values().map(super::TableLoad::memory).sum());
        }
        assert!(bytes > 4 * BUDGET, "{bytes} bytes are too few to show anything");
        assert!(most <= BUDGET, "{most}");
        let report = work.commit(Position::new(1, 2)).expect("the load lands");
        assert_eq!(report.rows.values().sum::<u64>(), 2 * 240);
    }

    /// A call with 250 KB of text that no codec makes much smaller.
    fn noisy_call(number: u32) -> Call {
        let mut state = u64::from(number) + 1;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b' ' + u8::try_from((state >> 33) % 90).expect("90 fits"))
        };
        let text: String = (0..250_000).map(|_| letter()).collect();
        let time = format!("2026-01-{:02}T10:00:00Z", 1 + number / 10);
        Call::new(&format!("c{number:03}"), &time, number + 2).parts(&[&text])
    }

    fn work(store: Store, spec: clarion_core::LoadSpec) -> Work {
        let context = Context {
            store: store.clone(),
            destination: "lake".into(),
            staging: "_clarion/staging/load".to_owned(),
            announced: spec.keys.clone(),
            loaded_at: spec.loaded_at,
            past_number: 0,
            again: spec.again,
        };
        Work {
            context,
            began: spec.loaded_at,
            clock: Arc::new(ManualClock::at(spec.loaded_at)),
            spec,
            manifest: Manifest::default(),
            tables: std::collections::BTreeMap::new(),
            novelties: Vec::new(),
            committed: false,
            _lock: store.lock().expect("nobody has the lock").expect("nobody has the lock"),
        }
    }
}
