//! The commit: everything staged and durable, then the manifest, then the files in their places.

use std::collections::BTreeMap;

use clarion_core::{Contract, Error, Kind, LoadReport, Position, Result, SchemaChange, TableName, fault};

use super::fence;
use super::keys;
use super::load::Work;
use super::manifest::{FileEntry, Manifest, Operation, TableEntry};
use super::metadata::{Entry, history};
use super::plan::{Former, additive, rebuild, with_sync};
use super::recover::{finish, sweep};
use super::settle::{Settled, settle};
use super::store::key_file;
use crate::evolve::schema_changes;

/// Syncs wait for the disk or the network, which do many at a time.
const SYNC_THREADS: usize = 8;
/// Each has parts of its file in memory.
const UPLOADS: usize = 4;

impl Work {
    pub(super) fn commit(&mut self, to: Position) -> Result<LoadReport> {
        if self.tables.is_empty() && !self.spec.replace && to == self.manifest.position {
            return Ok(LoadReport::default());
        }
        if fault::defect("parquet.position_first") {
            let mut ahead = Manifest { position: to, ..self.manifest.clone() };
            ahead.save(&self.context.store)?;
        }
        let (mut entry, report) = self.account(to)?;
        let mut next = Manifest {
            position: to,
            journal: Some(self.spec.journal.clone()),
            fence: self.spec.fence.max(self.manifest.fence),
            ..self.manifest.clone()
        };
        let mut operations = self.settle(&mut next)?;
        entry.seconds = (self.clock.now() - self.began).as_seconds_f64();
        operations.extend(with_sync(entry.stage(&self.context.store, &self.context.staging)?));
        next.pending = operations;
        self.publish(next)?;
        Ok(report)
    }

    /// What the load did, before its files are closed for good.
    fn account(&mut self, to: Position) -> Result<(Entry, LoadReport)> {
        let mut entry = Entry {
            run_id: self.spec.run_id.clone(),
            position: to,
            journal: self.spec.journal.clone(),
            fence: self.spec.fence,
            loaded_at: self.spec.loaded_at,
            seconds: 0.0,
            tables: Vec::new(),
            changes: Vec::new(),
        };
        for (name, table) in &mut self.tables {
            table.complete()?;
            if table.rows > 0 {
                entry.tables.push((name.clone(), table.rows, table.bytes));
            }
            let old = self.manifest.tables.get(name).map(|old| &old.schema);
            let changes = schema_changes(old, &table.schema).into_iter();
            entry.changes.extend(changes.map(|change| change.brought_by(&self.novelties)));
        }
        entry.changes.extend(self.left_out()?);
        let rows = entry.tables.iter().map(|(name, rows, _)| (name.clone(), *rows)).collect();
        let schema_changes = entry.changes.iter().map(|change| change.change.clone()).collect();
        Ok((entry, LoadReport { rows, schema_changes }))
    }

    /// Fields that a contract kept out, and that the lake does not remember as kept out: every load meets them again.
    fn left_out(&self) -> Result<Vec<SchemaChange>> {
        let left_out = self.novelties.iter().filter(|novelty| novelty.under == Contract::Discard);
        let mut changes: Vec<SchemaChange> = left_out.map(SchemaChange::left_out).collect();
        if !changes.is_empty() {
            let known = history(&self.context.store)?;
            changes.retain(|change| !known.iter().any(|known| change.is_again(&known.change)));
        }
        changes.sort_by(|a, b| (&a.table, &a.column).cmp(&(&b.table, &b.column)));
        changes.dedup_by(|a, b| a.is_again(b));
        Ok(changes)
    }

    /// Decides on the files of every table; the manifest then lists them.
    fn settle(&mut self, next: &mut Manifest) -> Result<Vec<Operation>> {
        let replaced = if self.spec.replace { std::mem::take(&mut next.tables) } else { BTreeMap::new() };
        let (mut added, mut operations) = (Vec::new(), Vec::new());
        for (name, table) in std::mem::take(&mut self.tables) {
            let anew = self.spec.replace || !next.tables.contains_key(&name);
            let schema = (*table.schema).clone();
            let settled = settle(table)?;
            if anew {
                operations.extend(rebuild(self.former(&name, &replaced)?, &settled));
            }
            let files = self.list(&settled, &mut next.next_keys)?;
            next.tables.insert(name, TableEntry { schema, files });
            if !anew {
                added.push(settled);
            }
        }
        for name in replaced.keys().filter(|name| !next.tables.contains_key(*name)) {
            operations.extend(rebuild(self.former(name, &replaced)?, &Settled::default()));
        }
        operations.extend(additive(&added));
        Ok(operations)
    }

    /// The files that a table without a past in this load has on disk all the same.
    fn former(&self, name: &TableName, replaced: &BTreeMap<TableName, TableEntry>) -> Result<Vec<Former>> {
        let files = replaced.get(name).map(|table| table.files.as_slice()).unwrap_or_default();
        let (store, destination) = (&self.context.store, &self.context.destination);
        let known = |path: &String| files.iter().find(|file| file.path == *path);
        let hashes = |path: &String| known(path).and_then(|file| keys::read(store, destination, file).ok());
        let paths = store.data_files(name.as_str())?;
        Ok(paths.into_iter().map(|path| Former { hashes: hashes(&path), path }).collect())
    }

    /// The files of a table after the load, each with its key file written.
    fn list(&self, settled: &Settled, next_keys: &mut u64) -> Result<Vec<FileEntry>> {
        let mut files = settled.kept.clone();
        for arrival in &settled.arrivals {
            let staged = &arrival.staged;
            let name = key_file(self.spec.fence, *next_keys);
            *next_keys += 1;
            self.context.store.write(&name, &keys::encode(staged.hashes.clone()))?;
            files.push(FileEntry {
                path: arrival.path.clone(),
                rows: staged.rows,
                bytes: staged.bytes,
                min_time: staged.min_time,
                max_time: staged.max_time,
                keys: name,
            });
        }
        files.sort_by(|a, b| (a.folder(), a.number()).cmp(&(b.folder(), b.number())));
        Ok(files)
    }

    /// From here on the load is committed as soon as the manifest is durable.
    fn publish(&mut self, mut next: Manifest) -> Result<()> {
        self.sync_staged(&next)?;
        self.context.store.step("parquet.staged")?;
        self.check_unchanged()?;
        fence::check(&self.context.store, &self.context.destination, self.spec.fence)?;
        self.committed = true;
        let store = &self.context.store;
        next.save(store)?;
        store.step("parquet.manifest")?;
        let (destination, fence) = (&self.context.destination, self.spec.fence);
        finish(store, destination, &mut next, Some(fence))?;
        fence::check(store, destination, fence)?;
        if store.is_shared() {
            store.discard(&self.context.staging)?;
        }
        sweep(store, &next)
    }

    /// Makes everything that the manifest will speak of durable.
    fn sync_staged(&self, next: &Manifest) -> Result<()> {
        let store = &self.context.store;
        let staged = next.pending.iter().filter_map(|operation| match operation {
            Operation::Rename { from, .. } => Some(from.as_str()),
            _ => None,
        });
        let known = self.manifest.next_keys;
        let fresh = (known..next.next_keys).map(|number| key_file(self.spec.fence, number));
        let names: Vec<String> = staged.map(str::to_owned).chain(fresh).collect();
        let width = if store.is_shared() { UPLOADS } else { SYNC_THREADS };
        store.each(&names, width, |name| store.sync(name))?;
        names.first().map_or(Ok(()), |name| store.sync_folder_of(name))?;
        names.last().map_or(Ok(()), |name| store.sync_folder_of(name))
    }

    /// The lock forbids it, but not every file system has locks.
    fn check_unchanged(&self) -> Result<()> {
        let is_blind = fault::defect("parquet.position_first") || fault::defect("parquet.blind_put");
        if self.spec.replace || is_blind {
            return Ok(());
        }
        let stored = Manifest::read(&self.context.store, &self.context.destination)?.unwrap_or_default();
        if stored == self.manifest {
            return Ok(());
        }
        Err(Error::new(Kind::Conflict, "somebody else loaded this destination meanwhile")
            .with("destination", &self.context.destination)
            .with("position", stored.position))
    }
}
