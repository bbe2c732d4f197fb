//! Finishing what a killed load had committed, sweeping what it had not, and checking that the files are ours.

use std::collections::{HashMap, HashSet};

use clarion_core::{Fence, Result, fault};

use super::fence;
use super::manifest::{Manifest, Operation, corrupt};
use super::store::{KEYS, MANIFEST, STAGING, Store};

/// Brings the lake to a commit's end. Only for who holds the lake's lock.
pub(super) fn recover(store: &Store, destination: &str) -> Result<Option<Manifest>> {
    let Some(mut manifest) = Manifest::read(store, destination)? else {
        return Ok(None);
    };
    if !manifest.pending.is_empty() {
        tracing::info!(operation_count = manifest.pending.len(), "finishing a commit of an earlier run");
        if fault::defect("parquet.no_sweep") {
            manifest.pending.clear();
        }
        finish(store, destination, &mut manifest, None)?;
    }
    sweep(store, &manifest)?;
    Ok(Some(manifest))
}

/// Performs what is pending and says in the manifest that it is done. A load that performs its own commit does so under
/// its fence: once a later writer was here, that has finished the commit, and the names may be those of other files.
pub(super) fn finish(
    store: &Store,
    destination: &str,
    manifest: &mut Manifest,
    fence: Option<Fence>,
) -> Result<()> {
    let pending = std::mem::take(&mut manifest.pending);
    let check = || fence.map_or(Ok(()), |fence| fence::check(store, destination, fence));
    perform(store, destination, &pending, &check)?;
    check()?;
    manifest.save(store)?;
    store.step("parquet.done")
}

/// Removes what no manifest speaks of.
pub(super) fn sweep(store: &Store, manifest: &Manifest) -> Result<()> {
    store.remove_folder(STAGING)?;
    store.remove(&format!("{MANIFEST}.tmp"))?;
    let files = manifest.tables.values().flat_map(|table| &table.files);
    let known: HashSet<&str> = files.map(|file| file.keys.as_str()).collect();
    for name in store.files(KEYS)? {
        if !known.contains(name.as_str()) {
            store.remove(&name)?;
        }
    }
    Ok(())
}

/// Whether the data files are exactly those that the manifest lists.
pub(super) fn verify(store: &Store, destination: &str, manifest: &Manifest) -> Result<()> {
    for (name, table) in &manifest.tables {
        for file in &table.files {
            let path = store.path(&file.path);
            match store.size(&file.path)? {
                None => {
                    return Err(corrupt(destination, "a data file is missing").with("file", path.display()));
                }
                Some(bytes) if bytes != file.bytes => {
                    return Err(corrupt(destination, "a data file is not the one that was written")
                        .with("file", path.display())
                        .with("bytes", bytes)
                        .with("expected", file.bytes));
                }
                Some(_) => {}
            }
        }
        let known: HashSet<&str> = table.files.iter().map(|file| file.path.as_str()).collect();
        if let Some(other) =
            store.data_files(name.as_str())?.iter().find(|path| !known.contains(path.as_str()))
        {
            let path = store.path(other);
            return Err(corrupt(destination, "a data file is not ours").with("file", path.display()));
        }
    }
    Ok(())
}

/// Each operation may have been done before, by a process that was killed.
fn perform(
    store: &Store,
    destination: &str,
    operations: &[Operation],
    check: &dyn Fn() -> Result<()>,
) -> Result<()> {
    let renames: HashMap<&str, &str> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Rename { from, to } => Some((to.as_str(), from.as_str())),
            _ => None,
        })
        .collect();
    for operation in operations {
        check()?;
        match operation {
            Operation::Remove { path } => {
                // A name that a later rename took again: the file there now is the new one.
                let taken = match renames.get(path.as_str()) {
                    Some(from) => store.size(from)?.is_none(),
                    None => false,
                };
                if !taken {
                    store.remove(path)?;
                    store.tidy_folder_of(path);
                }
            }
            Operation::Rename { from, to } => rename(store, destination, from, to)?,
            Operation::Sync { paths } => paths.iter().try_for_each(|path| store.sync_folder_of(path))?,
        }
        store.step("parquet.op")?;
    }
    Ok(())
}

fn rename(store: &Store, destination: &str, from: &str, to: &str) -> Result<()> {
    if store.size(from)?.is_some() {
        return store.rename(from, to);
    }
    match store.size(to)? {
        Some(_) => Ok(()),
        None => Err(corrupt(destination, "a committed file is gone").with("file", store.path(to).display())),
    }
}
