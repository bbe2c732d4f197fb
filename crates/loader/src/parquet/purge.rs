//! Removing records for good: a load that only takes rows away, with everything that makes a load safe.

use std::sync::Arc;

use clarion_core::{LoadSpec, PurgeSpec, Result, fault};

use super::load::Work;
use super::manifest::{Manifest, TableEntry};
use super::recover::{recover, verify};
use super::store::{STAGING, Store};
use super::table::TableLoad;

/// Finishes or sweeps what a killed load left. `None` for a lake that was never loaded, where that was all there was.
pub(super) fn tidy(store: &Store, destination: &str) -> Result<Option<Manifest>> {
    let Some(manifest) = recover(store, destination)? else {
        store.remove_folder(STAGING)?;
        return Ok(None);
    };
    verify(store, destination, &manifest)?;
    Ok(Some(manifest))
}

/// A load that goes nowhere: from where the lake stands to the same place.
pub(super) fn load_spec(spec: PurgeSpec, manifest: &Manifest) -> LoadSpec {
    LoadSpec {
        run_id: spec.run_id,
        fence: spec.fence,
        journal: manifest.journal.clone().unwrap_or(spec.journal),
        from: manifest.position,
        replace: false,
        again: false,
        loaded_at: spec.at,
        keys: spec.keys,
    }
}

/// Rewrites every file that holds one of the announced records. Gives the rows that are gone.
pub(super) fn purge(work: &mut Work) -> Result<u64> {
    for (name, table) in work.manifest.tables.clone() {
        if !work.spec.keys.contains_key(&table.schema.stream) || is_spared(&table) {
            continue;
        }
        let schema = Arc::new(table.schema.clone());
        let mut load = TableLoad::open(&work.context, Some(table), &schema)?;
        if load.places.is_empty() {
            continue;
        }
        load.edit.leaving.extend(load.places.keys().cloned());
        work.tables.insert(name, load);
    }
    if work.tables.is_empty() {
        return Ok(0);
    }
    let before = rows(&work.manifest);
    work.commit(work.spec.from)?;
    let after = Manifest::read(&work.context.store, &work.context.destination)?;
    Ok(before - after.as_ref().map_or(0, rows))
}

/// A planted defect.
fn is_spared(table: &TableEntry) -> bool {
    table.schema.parent.is_some() && fault::defect("destination.purge_spares_children")
}

fn rows(manifest: &Manifest) -> u64 {
    manifest.tables.values().flat_map(|table| &table.files).map(|file| file.rows).sum()
}
