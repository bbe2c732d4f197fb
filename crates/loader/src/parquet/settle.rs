//! From what a load wrote for a table to the files that the table will have.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use clarion_core::Result;

use super::compact::{MOST, due};
use super::edit::Edit;
use super::manifest::{FileEntry, TableEntry};
use super::merge::{Input, merge};
use super::table::TableLoad;
use super::writer::{FileWriter, Staged};

/// A file that the table will have, still in the staging folder.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) staged: Staged,
    pub(super) path: String,
    /// It takes the place of a file that held all of its records.
    pub(super) in_place: bool,
}

/// What becomes of a table.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Files that stay as they are.
    pub(super) kept: Vec<FileEntry>,
    pub(super) arrivals: Vec<Arrival>,
    /// Files whose rows are elsewhere, or nowhere.
    pub(super) removed: Vec<String>,
}

/// A file of a partition while it is decided what becomes of it.
enum Part {
    Old(usize),
    /// A file of this load, with the old files that went into it.
    New(Staged, Vec<usize>),
}

/// Rewrites what must be rewritten, merges what became small and many, and gives names.
pub(super) fn settle(mut load: TableLoad) -> Result<Settled> {
    load.complete()?;
    let nothing = TableEntry { schema: (*load.schema).clone(), files: Vec::new() };
    let old = load.old.take().unwrap_or(nothing);
    let mut work = Work::new(load, old);
    let mut settled = Settled::default();
    for (folder, parts) in work.partitions() {
        let parts = work.compact(parts)?;
        work.place(&folder, parts, &mut settled)?;
    }
    settled.removed.extend(work.emptied.iter().map(|&file| work.old.files[file].path.clone()));
    Ok(settled)
}

struct Work {
    load: TableLoad,
    old: TableEntry,
    edit: Arc<Edit>,
    /// Old files with rows that change.
    touched: HashSet<usize>,
    /// New rows for records of an old file.
    patches: BTreeMap<usize, Vec<Staged>>,
    /// Old files that were merged and left no row.
    emptied: Vec<usize>,
    /// The table's schema is another one, and with it that of every file.
    reshaped: bool,
}

impl Work {
    fn new(mut load: TableLoad, old: TableEntry) -> Self {
        let touched =
            load.edit.keys().filter_map(|key| load.places.get(key)).flat_map(|place| place.files.clone());
        let touched = touched.collect();
        let reshaped = old.schema.arrow() != load.schema.arrow();
        let empty = Edit::new(load.context.loaded_at);
        let edit = Arc::new(std::mem::replace(&mut load.edit, empty));
        Self { load, old, edit, touched, patches: BTreeMap::new(), emptied: Vec::new(), reshaped }
    }

    /// All files by partition; the patches are put aside.
    fn partitions(&mut self) -> BTreeMap<String, Vec<Part>> {
        let mut found: BTreeMap<String, Vec<Part>> = BTreeMap::new();
        for (index, file) in self.old.files.iter().enumerate() {
            found.entry(file.folder().to_owned()).or_default().push(Part::Old(index));
        }
        for (target, staged) in std::mem::take(&mut self.load.staged) {
            match target.file {
                Some(file) => self.patches.entry(file).or_default().push(staged),
                None => found.entry(target.folder).or_default().push(Part::New(staged, Vec::new())),
            }
        }
        found
    }

    /// Merges small files as long as there are enough of about the same size.
    fn compact(&mut self, mut parts: Vec<Part>) -> Result<Vec<Part>> {
        // A partition that the load does not touch has nothing new to merge.
        if !parts.iter().any(|part| matches!(part, Part::New(..))) {
            return Ok(parts);
        }
        loop {
            let sizes: Vec<u64> = parts.iter().map(|part| self.size(part)).collect();
            let chosen: BTreeSet<usize> = due(&sizes).into_iter().take(MOST).collect();
            if chosen.is_empty() {
                return Ok(parts);
            }
            let (mut merged, mut rest) = (Vec::new(), Vec::new());
            for (index, part) in parts.into_iter().enumerate() {
                if chosen.contains(&index) { merged.push(part) } else { rest.push(part) }
            }
            rest.extend(self.join(merged)?);
            parts = rest;
        }
    }

    /// One file from many; none if no row is left.
    fn join(&mut self, parts: Vec<Part>) -> Result<Option<Part>> {
        let (mut inputs, mut absorbed, mut spent) = (Vec::new(), Vec::new(), Vec::new());
        for part in parts {
            match part {
                Part::Old(file) => {
                    inputs.extend(self.inputs_of(file));
                    absorbed.push(file);
                }
                Part::New(staged, from) => {
                    inputs.push(self.input(&staged));
                    spent.push(staged.name);
                    absorbed.extend(from);
                }
            }
        }
        let joined = self.merge(inputs)?;
        self.load.context.store.remove(&spent)?;
        let Some(staged) = joined else {
            self.emptied.extend(absorbed);
            return Ok(None);
        };
        Ok(Some(Part::New(staged, absorbed)))
    }

    fn place(&mut self, folder: &str, parts: Vec<Part>, settled: &mut Settled) -> Result<()> {
        let taken = self.old.files.iter().filter(|file| file.folder() == folder).map(FileEntry::number);
        let mut number = taken.max().unwrap_or_default().max(self.load.context.past_number);
        for part in parts {
            match part {
                Part::Old(file) => self.place_old(file, settled)?,
                Part::New(staged, from) => {
                    let staged = self.reshape(staged)?;
                    let heir = self.heir(&from);
                    let path = heir.map_or_else(
                        || {
                            number += 1;
                            format!("{folder}/data-{number}.parquet")
                        },
                        |file| self.old.files[file].path.clone(),
                    );
                    let leaving = from.iter().filter(|file| Some(**file) != heir);
                    settled.removed.extend(leaving.map(|&file| self.old.files[file].path.clone()));
                    settled.arrivals.push(Arrival { staged, path, in_place: false });
                }
            }
        }
        Ok(())
    }

    /// Keeps an old file, or rewrites it under its own name.
    fn place_old(&mut self, file: usize, settled: &mut Settled) -> Result<()> {
        let entry = self.old.files[file].clone();
        if !self.touched.contains(&file) && !self.patches.contains_key(&file) && !self.reshaped {
            settled.kept.push(entry);
            return Ok(());
        }
        let inputs = self.inputs_of(file);
        match self.merge(inputs)? {
            Some(staged) => settled.arrivals.push(Arrival { staged, path: entry.path, in_place: true }),
            None => settled.removed.push(entry.path),
        }
        Ok(())
    }

    /// The old file whose name a merged file takes: one that loses no record to another file, so that replacing it
    /// never shows a record twice.
    fn heir(&self, from: &[usize]) -> Option<usize> {
        let untouched = from.iter().copied().filter(|file| !self.touched.contains(file));
        untouched.max_by_key(|&file| self.old.files[file].bytes)
    }

    /// A file of this load in the table's final shape.
    fn reshape(&mut self, staged: Staged) -> Result<Staged> {
        if staged.schema.arrow() == self.load.schema.arrow() {
            return Ok(staged);
        }
        let inputs = vec![self.input(&staged)];
        let reshaped = self.merge(inputs)?;
        self.load.context.store.remove(std::slice::from_ref(&staged.name))?;
        Ok(reshaped.unwrap_or(staged))
    }

    fn merge(&mut self, inputs: Vec<Input>) -> Result<Option<Staged>> {
        let name = self.load.next_name();
        let (store, schema) = (&self.load.context.store, &self.load.schema);
        merge(inputs, schema, |sample| FileWriter::create(store, name, schema, sample))
    }

    fn inputs_of(&self, file: usize) -> Vec<Input> {
        let entry = &self.old.files[file];
        let old = self.input_of(entry.path.clone(), entry.min_time, Some(self.edit.clone()));
        let patches = self.patches.get(&file).into_iter().flatten().map(|staged| self.input(staged));
        std::iter::once(old).chain(patches).collect()
    }

    fn input(&self, staged: &Staged) -> Input {
        self.input_of(staged.name.clone(), staged.min_time, None)
    }

    fn input_of(&self, name: String, min_time: Option<i64>, edit: Option<Arc<Edit>>) -> Input {
        Input { store: self.load.context.store.clone(), name, min_time, edit }
    }

    fn size(&self, part: &Part) -> u64 {
        match part {
            Part::Old(file) => self.old.files[*file].bytes,
            Part::New(staged, _) => staged.bytes,
        }
    }
}
