//! A purge killed at any step, then done again.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use clarion_core::testing::destination::{at, journal};
use clarion_core::{ChangedKeys, Destination, Kind, PurgeSpec, RecordKey, Result, RunId, StreamName};
use clarion_loader::ParquetDestination;

use super::crash::{Tables, assert_tidy, history, recover_killed_twice, run, tables, watcher};
use super::lake::{Lake, files, open};

/// In two months, with parts and without.
const PURGED: [&str; 2] = ["a", "b"];

async fn purge(destination: &ParquetDestination) -> Result<u64> {
    let keys = PURGED.iter().map(|id| RecordKey::parse(*id).unwrap()).collect();
    let keys: ChangedKeys = [(StreamName::CALLS, keys)].into();
    let at = at("2026-11-21T12:00:00Z");
    let run_id = RunId::new("purge");
    destination.purge(PurgeSpec { run_id, fence: 1, journal: journal(1), at, keys: Arc::new(keys) }).await
}

/// Purges until the `kill`-th step; false if there are fewer.
async fn purge_until(root: &Path, kill: usize) -> bool {
    match purge(&open(root).watched(watcher(root, kill))).await {
        Ok(_) => false,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Interrupted, "{}", error.chain());
            true
        }
    }
}

/// The rows of all other calls.
fn others(tables: &Tables) -> Tables {
    let is_other = |key: &String| PURGED.iter().all(|id| !key.contains(&format!("\"{id}\"")));
    let others = tables.clone().map(|mut rows| {
        rows.retain(|key, _| is_other(key));
        rows
    });
    assert!(others[0].len() < tables[0].len(), "there is nothing to purge");
    others
}

#[tokio::test]
async fn a_purge_killed_at_any_step_is_finished_by_the_next_and_leaves_the_others_as_they_were() {
    let start = Lake::new();
    for (number, script) in history().into_iter().take(5).enumerate() {
        run(&start.root(), &script, number).await.unwrap();
        if number < 3 {
            continue;
        }
        let before = tables(&start.root());
        let after = others(&before);
        let mut kills = 0;
        loop {
            let lake = start.copy();
            if !purge_until(&lake.root(), kills).await {
                assert_eq!(tables(&lake.root()), after);
                break;
            }
            kills += 1;
            recover_killed_twice(&lake.root()).await;
            let found = tables(&lake.root());
            assert!(found == before || found == after, "load {number}, step {kills}: half a purge");
            purge(&lake.destination()).await.unwrap();
            assert_eq!(tables(&lake.root()), after, "load {number}, step {kills}");
            assert_tidy(&lake.root());
            run(&lake.root(), &history()[number + 1], number + 1).await.unwrap();
        }
        assert!(kills > 5, "{kills} kills");
    }
}

#[tokio::test]
async fn a_purge_clears_away_what_a_killed_first_load_left() {
    let lake = Lake::new();
    let staged = lake.root().join("_clarion/staging/load-1-0/calls-1.parquet");
    fs::create_dir_all(staged.parent().unwrap()).unwrap();
    fs::write(&staged, b"half a file").unwrap();
    assert_eq!(purge(&lake.destination()).await.unwrap(), 0);
    assert!(files(&lake.root().join("_clarion/staging")).is_empty());
}
