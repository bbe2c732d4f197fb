//! Nothing new at the source, nothing written anywhere.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::Value;

use super::{RELIST, idle_bound};
use crate::harness::{Database, Layout, Workspace, assert_truth, simulate, small, snapshot};

/// Everything that a sync may write to, but for the state store's record of the run.
#[derive(Debug, PartialEq)]
struct Written {
    journal: BTreeMap<PathBuf, (SystemTime, Vec<u8>)>,
    lake: BTreeMap<PathBuf, (SystemTime, Vec<u8>)>,
    /// Every row version of every table.
    warehouse: BTreeMap<String, Vec<Value>>,
}

#[tokio::test]
async fn a_second_sync_of_an_unchanged_source_writes_nothing() {
    let simulator = simulate(small(120)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let first = workspace.sync();
    assert_truth(&workspace, &control).await;
    let before = written(&workspace).await;
    control.reset_log();

    let second = workspace.sync();
    let after = written(&workspace).await;
    assert_same_files("journal", &before.journal, &after.journal);
    assert_same_files("lake", &before.lake, &after.lake);
    assert_eq!(before.warehouse, after.warehouse);
    for destination in workspace.destinations() {
        let position = format!("/destinations/{destination}/position");
        assert_eq!(first.text(&position), second.text(&position));
        assert_ne!(first.text(&position), "");
    }
    let bound = idle_bound(&control, RELIST);
    assert!(control.count() <= bound, "{} requests, more than {bound}", control.count());
    assert_eq!(second.number("/requests/total"), control.count());
    assert_eq!(second.text("/outcome"), "done");
}

/// One row of overlap a page: 99 calls of the relist window cost two requests, one with and one without private calls.
#[tokio::test]
async fn an_idle_sync_costs_two_requests_for_ninety_nine_recent_calls() {
    let simulator = simulate(small(250)).await;
    let control = simulator.control();
    let layout = Layout { more: "[streams.calls]\nrelist = \"500d\"\n".to_owned(), ..Layout::default() };
    let workspace = Workspace::new(&simulator.url(), layout);
    workspace.sync();
    control.reset_log();
    workspace.sync();
    let bound = 6 + 2 * 250_u64.div_ceil(99);
    assert!(control.count() <= bound, "{} requests, more than {bound}", control.count());
    assert_eq!(control.count_of("/call-details"), 0);
}

#[tokio::test]
async fn with_its_state_in_postgres_a_second_sync_writes_nothing_either() {
    let Some(state) = Database::fresh().await else { return };
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let layout = Layout { more: format!("[state]\nurl = \"{}\"\n", state.url()), ..Layout::both().await };
    let workspace = Workspace::new(&simulator.url(), layout);
    workspace.sync();
    assert!(!workspace.state().exists(), "there is a SQLite file");
    assert_truth(&workspace, &control).await;
    let before = written(&workspace).await;
    control.reset_log();
    workspace.sync();
    assert!(written(&workspace).await == before, "something was written");
    let bound = idle_bound(&control, RELIST);
    assert!(control.count() <= bound, "{} requests, more than {bound}", control.count());
}

async fn written(workspace: &Workspace) -> Written {
    Written {
        journal: snapshot(&workspace.journal()),
        lake: snapshot(&workspace.lake()),
        warehouse: match workspace.warehouse() {
            Some(database) => database.versions().await,
            None => BTreeMap::new(),
        },
    }
}

/// Names the first file that differs: the bytes of a folder would fill the screen.
fn assert_same_files(
    what: &str,
    before: &BTreeMap<PathBuf, (SystemTime, Vec<u8>)>,
    after: &BTreeMap<PathBuf, (SystemTime, Vec<u8>)>,
) {
    assert!(!before.is_empty(), "{what}: there are no files");
    let names = |files: &BTreeMap<PathBuf, _>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(before), names(after), "{what}");
    for (path, file) in before {
        assert!(after[path] == *file, "{what}: {} was written", path.display());
    }
}
