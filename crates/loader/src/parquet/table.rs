//! One table in one load: rows go to files of the staging folder, by partition and by what they replace.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use clarion_core::{
    ChangedKeys, Error, Kind, RecordKey, Result, TableChange, TableSchema, Timestamp, Tombstone,
};

use super::columns::{Run, misshapen, positions, runs, sorted, time_at, times};
use super::edit::{Edit, mark};
use super::keys::{Place, Places, locate};
use super::manifest::TableEntry;
use super::month::partitions;
use super::store::Store;
use super::tail::OpenFile;
use super::writer::{FileWriter, Staged};
use crate::evolve::{check_fields, check_key, conform, merge};

/// What every table of a load knows.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) store: Store,
    pub(super) destination: Arc<str>,
    /// The folder of this load's files.
    pub(super) staging: String,
    pub(super) announced: Arc<ChangedKeys>,
    pub(super) loaded_at: Timestamp,
    /// New data files have higher numbers than this.
    pub(super) past_number: u64,
    /// Also the version of a record that the lake has is written.
    pub(super) again: bool,
}

/// Where rows go: into a new file of a partition, or among the rows of a file that held their record before.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) folder: String,
    pub(super) file: Option<usize>,
}

pub(super) struct TableLoad {
    pub(super) context: Context,
    /// What the lake has; `None` for a new table, and for a rebuild.
    pub(super) old: Option<TableEntry>,
    pub(super) schema: Arc<TableSchema>,
    pub(super) places: Places,
    pub(super) edit: Edit,
    pub(super) staged: Vec<(Target, Staged)>,
    /// Rows inserted or replaced.
    pub(super) rows: u64,
    /// Bytes of the files with them.
    pub(super) bytes: u64,
    open: BTreeMap<Target, OpenFile>,
    files: u64,
}

impl TableLoad {
    pub(super) fn open(
        context: &Context,
        old: Option<TableEntry>,
        schema: &Arc<TableSchema>,
    ) -> Result<Self> {
        if let Some(old) = &old {
            check_fields(&old.schema, schema, &context.destination)?;
            check_key(&old.schema, schema, &context.destination)?;
        }
        let places = match (&old, context.announced.get(&schema.stream)) {
            (Some(old), Some(keys)) => locate(&context.store, &context.destination, old, keys)?,
            _ => Places::new(),
        };
        let schema = old.as_ref().map_or_else(|| schema.clone(), |old| Arc::new(old.schema.clone()));
        Ok(Self {
            context: context.clone(),
            old,
            schema,
            places,
            edit: Edit::new(context.loaded_at),
            staged: Vec::new(),
            rows: 0,
            bytes: 0,
            open: BTreeMap::new(),
            files: 0,
        })
    }

    /// The records of a change that are no newer than what the lake has.
    pub(super) fn stale(&self, change: &TableChange) -> Result<HashSet<RecordKey>> {
        let mut stale = HashSet::new();
        if self.places.is_empty() {
            return Ok(stale);
        }
        let positions = positions(&change.rows, &change.schema)?;
        for run in runs(&change.rows, &change.schema)? {
            let newest = run.rows.clone().map(|row| positions.value(row)).max();
            let is_stale = |place: &Place| {
                newest < Some(place.position) || (newest == Some(place.position) && !self.context.again)
            };
            if self.places.get(&run.key).is_some_and(is_stale) {
                stale.insert(run.key);
            }
        }
        Ok(stale)
    }

    /// Takes a change, less the records in `stale` and those of which this table has a newer version.
    pub(super) fn write(&mut self, change: TableChange, stale: &HashSet<RecordKey>) -> Result<()> {
        let mut refused = self.stale(&change)?;
        refused.extend(stale.iter().cloned());
        let stale = &refused;
        self.widen(&change.schema);
        let parents =
            change.parents.iter().filter(|key| self.places.contains_key(key) && !stale.contains(key));
        self.edit.leaving.extend(parents.cloned());
        let deleted: HashMap<RecordKey, Tombstone> =
            change.tombstones.into_iter().map(|tombstone| (tombstone.key.clone(), tombstone)).collect();
        let rows = sorted(self.shape(change.rows)?, &self.schema)?;
        let rows = mark(&rows, &self.schema, &deleted, self.context.loaded_at)?;
        let known = deleted.into_iter().filter(|(key, tombstone)| {
            self.places.get(key).is_some_and(|place| place.position < tombstone.position.pack())
        });
        self.edit.deleted.extend(known.collect::<Vec<_>>());
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let partitions = partitions(&rows, &self.schema)?;
        self.close_others(&partitions.iter().map(|(folder, _)| folder).collect())?;
        for (folder, range) in &partitions {
            self.route(folder, &rows.slice(range.start, range.len()), stale)?;
        }
        Ok(())
    }

    /// The memory of the largest file under way.
    pub(super) fn largest(&self) -> usize {
        self.open.values().map(OpenFile::memory).max().unwrap_or_default()
    }

    pub(super) fn memory(&self) -> usize {
        self.open.values().map(OpenFile::memory).sum()
    }

    pub(super) fn flush_largest(&mut self) -> Result<()> {
        self.open.values_mut().max_by_key(|writer| writer.memory()).map_or(Ok(()), OpenFile::flush)
    }

    /// Completes the files under way.
    pub(super) fn complete(&mut self) -> Result<()> {
        self.close_others(&BTreeSet::new())
    }

    /// A name for another file of this load.
    pub(super) fn next_name(&mut self) -> String {
        self.files += 1;
        format!("{}/{}-{}.parquet", self.context.staging, self.schema.table, self.files)
    }

    fn widen(&mut self, schema: &Arc<TableSchema>) {
        if *self.schema != **schema {
            let wider = if self.old.is_none() && self.rows == 0 {
                schema.clone()
            } else {
                Arc::new(merge(&self.schema, schema))
            };
            self.schema = wider;
        }
    }

    fn shape(&self, rows: RecordBatch) -> Result<RecordBatch> {
        let arrow = self.schema.arrow();
        if rows.schema().fields() != arrow.fields() {
            return conform(&rows, &self.schema);
        }
        RecordBatch::try_new(arrow, rows.columns().to_vec()).map_err(|error| misshapen(&self.schema, error))
    }

    /// Sends the rows of one partition to where they belong.
    fn route(&mut self, folder: &str, rows: &RecordBatch, stale: &HashSet<RecordKey>) -> Result<()> {
        let runs = runs(rows, &self.schema)?;
        self.check_announced(&runs)?;
        if self.places.is_empty() && stale.is_empty() {
            return self.append(Target { folder: folder.to_owned(), file: None }, rows);
        }
        let mut pieces: BTreeMap<Target, Vec<RecordBatch>> = BTreeMap::new();
        for run in runs.into_iter().filter(|run| !stale.contains(&run.key)) {
            let target = self.target(folder, &run.key);
            pieces.entry(target).or_default().push(rows.slice(run.rows.start, run.rows.len()));
        }
        for (target, pieces) in pieces {
            let rows =
                concat_batches(&rows.schema(), &pieces).map_err(|error| misshapen(&self.schema, error))?;
            self.append(target, &rows)?;
        }
        Ok(())
    }

    /// Where the rows of a record go: to its old rows if they are in the same partition.
    fn target(&mut self, folder: &str, key: &RecordKey) -> Target {
        let mut file = None;
        if let Some(place) = self.places.get(key) {
            let files = &self.old.as_ref().expect("a record has a place in an old file").files;
            file = place.files.iter().copied().find(|&file| files[file].folder() == folder);
            self.edit.leaving.insert(key.clone());
        }
        Target { folder: folder.to_owned(), file }
    }

    fn append(&mut self, target: Target, rows: &RecordBatch) -> Result<()> {
        let first = times(rows, &self.schema)?.and_then(|times| time_at(&times, 0));
        if self.open.get(&target).is_some_and(|file| !file.takes(&self.schema, first)) {
            self.close(&target)?;
        }
        if !self.open.contains_key(&target) {
            let name = self.next_name();
            let writer = FileWriter::create(&self.context.store, name, &self.schema, rows)?;
            self.open.insert(target.clone(), OpenFile::new(writer));
        }
        self.rows += rows.num_rows() as u64;
        self.open.get_mut(&target).expect("it was opened just now").append(rows)
    }

    /// Loads go forward in time: a partition that a change set leaves out will hardly get more rows.
    fn close_others(&mut self, folders: &BTreeSet<&String>) -> Result<()> {
        let others: Vec<Target> =
            self.open.keys().filter(|target| !folders.contains(&target.folder)).cloned().collect();
        others.iter().try_for_each(|target| self.close(target))
    }

    fn close(&mut self, target: &Target) -> Result<()> {
        if let Some(writer) = self.open.remove(target) {
            let staged = writer.finish()?;
            self.bytes += staged.bytes;
            self.staged.push((target.clone(), staged));
        }
        Ok(())
    }

    /// A row whose key was not announced could be in the lake already, unseen.
    fn check_announced(&self, runs: &[Run]) -> Result<()> {
        let keys = self.context.announced.get(&self.schema.stream);
        let missing = runs.iter().find(|run| keys.is_none_or(|keys| !keys.contains(&run.key)));
        missing.map_or(Ok(()), |run| {
            Err(Error::new(Kind::Conflict, "a row's key was not announced with its load")
                .with("table", &self.schema.table)
                .with("key", &run.key))
        })
    }
}
