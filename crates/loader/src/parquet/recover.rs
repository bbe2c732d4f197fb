//! Finishing what a killed load had committed, sweeping what it had not, and checking that the files are ours.

use std::collections::{HashMap, HashSet};

use clarion_core::{Error, Fence, Kind, Result, TableName, fault};

use super::fence;
use super::manifest::{Manifest, Operation, corrupt};
use super::store::{KEYS, MANIFEST, STAGING, Store, fence_of, is_data};

/// How often what is pending is done, at most, until all files are there.
const PERFORMS: u32 = 3;

/// Brings the lake to a commit's end. Only for who holds the lake's lock, and in a shared place the lease.
pub(super) fn recover(store: &Store, destination: &str) -> Result<Option<Manifest>> {
    let manifest = complete(store, destination)?;
    if let Some(manifest) = &manifest {
        sweep(store, manifest)?;
    }
    Ok(manifest)
}

fn complete(store: &Store, destination: &str) -> Result<Option<Manifest>> {
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
    let version = manifest.version.clone();
    let check = || {
        fence.map_or(Ok(()), |fence| fence::check(store, destination, fence))?;
        if store.is_unchanged(MANIFEST, &version)? { Ok(()) } else { Err(overtaken(destination)) }
    };
    let finished = perform_all(store, destination, manifest, &pending, &check)
        .and_then(|()| check())
        .and_then(|()| manifest.save(store));
    match finished {
        Err(error) if error.kind() == Kind::Conflict => {
            // A later writer may have finished the same commit.
            let stored = Manifest::read(store, destination)?.unwrap_or_default();
            let same = Manifest { version: stored.version.clone(), ..manifest.clone() };
            if stored != same {
                return Err(error);
            }
            *manifest = stored;
        }
        finished => finished?,
    }
    store.step("parquet.done")
}

/// Two may perform one commit at a time in a shared place, and what one had under way may come late. So what is pending
/// is done again until all files are there; until then all that is needed for it stays.
fn perform_all(
    store: &Store,
    destination: &str,
    manifest: &Manifest,
    pending: &[Operation],
    check: &Check<'_>,
) -> Result<()> {
    for _ in 1..PERFORMS {
        perform(store, destination, pending, check)?;
        if !store.is_shared() {
            return Ok(());
        }
        match verify(store, destination, manifest) {
            Err(error) if error.kind() == Kind::Corrupt => {}
            verified => return verified,
        }
    }
    perform(store, destination, pending, check)?;
    verify(store, destination, manifest)
}

/// Removes what no manifest speaks of. In a shared place only what this writer and those before it left.
pub(super) fn sweep(store: &Store, manifest: &Manifest) -> Result<()> {
    let files = manifest.tables.values().flat_map(|table| &table.files);
    let known: HashSet<&str> = files.map(|file| file.keys.as_str()).collect();
    let mut spent = store.below(KEYS)?;
    spent.retain(|name| !known.contains(name.as_str()));
    if store.is_shared() {
        for own in [STAGING, KEYS] {
            store.discard(own)?;
        }
        spent.extend(store.below(STAGING)?);
        spent.retain(|name| fence_of(name).is_none_or(|fence| fence <= manifest.fence));
    } else {
        store.remove_folder(STAGING)?;
        spent.push(format!("{MANIFEST}.tmp"));
    }
    if spent.is_empty() { Ok(()) } else { store.remove(&spent) }
}

/// Whether the data files are exactly those that the manifest lists.
pub(super) fn verify(store: &Store, destination: &str, manifest: &Manifest) -> Result<()> {
    let tables: Vec<&str> = manifest.tables.keys().map(TableName::as_str).collect();
    let found = store.parquet_files(&tables)?;
    let named = |what: &str, path: &str| corrupt(destination, what).with("file", store.shown(path));
    let mut known = HashSet::new();
    for file in manifest.tables.values().flat_map(|table| &table.files) {
        known.insert(file.path.as_str());
        match found.get(&file.path) {
            None => return Err(named("a data file is missing", &file.path)),
            Some(bytes) if *bytes != file.bytes => {
                return Err(named("a data file is not the one that was written", &file.path)
                    .with("bytes", bytes)
                    .with("expected", file.bytes));
            }
            Some(_) => {}
        }
    }
    let of_a_table = |path: &str| path.split_once('/').is_some_and(|(table, _)| is_data(table, path));
    match found.keys().find(|path| of_a_table(path) && !known.contains(path.as_str())) {
        Some(other) => Err(named("a data file is not ours", other)),
        None => Ok(()),
    }
}

type Check<'c> = dyn Fn() -> Result<()> + Sync + 'c;

/// Each operation may have been done before, by a process that was killed. Between two that make folders durable their
/// order is free.
fn perform(store: &Store, destination: &str, operations: &[Operation], check: &Check<'_>) -> Result<()> {
    let renames: HashMap<&str, &str> = operations
        .iter()
        .filter_map(|operation| match operation {
            Operation::Rename { from, to } => Some((to.as_str(), from.as_str())),
            _ => None,
        })
        .collect();
    for group in operations.split_inclusive(|operation| matches!(operation, Operation::Sync { .. })) {
        store.each(group, store.width(), |operation| {
            check()?;
            match operation {
                Operation::Remove { path } => remove(store, path, renames.get(path.as_str()).copied())?,
                Operation::Rename { from, to } => rename(store, destination, from, to)?,
                Operation::Sync { paths } => paths.iter().try_for_each(|path| store.sync_folder_of(path))?,
            }
            store.step("parquet.op")
        })?;
    }
    Ok(())
}

/// `then`: what takes the name later. The file there now is that one, if it is not staged any more.
fn remove(store: &Store, path: &str, then: Option<&str>) -> Result<()> {
    if let Some(from) = then
        && store.size(from)?.is_none()
    {
        return Ok(());
    }
    store.remove(&[path.to_owned()])?;
    store.tidy_folder_of(path);
    Ok(())
}

fn rename(store: &Store, destination: &str, from: &str, to: &str) -> Result<()> {
    if store.rename(from, to)? || store.size(to)?.is_some() {
        return Ok(());
    }
    Err(corrupt(destination, "a committed file is gone").with("file", store.shown(to)))
}

fn overtaken(destination: &str) -> Error {
    Error::new(Kind::Conflict, "a later writer has taken over this destination")
        .with("destination", destination)
        .hint("this process lost the lease; start it again when the other one has ended")
}
