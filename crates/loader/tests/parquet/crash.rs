//! A process killed at any step of a commit, then started again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clarion_core::testing::destination::{Call, Script};
use clarion_core::{Destination, Error, Kind, Position, Result};
use serde_json::{Value, json};

use super::lake::{Lake, data_files, files, open, read};

const JANUARY: &str = "2026-01-02T10:00:00Z";
const FEBRUARY: &str = "2026-02-02T10:00:00Z";

#[tokio::test]
async fn a_load_killed_at_any_step_is_there_as_a_whole_or_not_at_all() {
    let mut kills = 0;
    let done = Lake::new();
    for (number, script) in history().into_iter().enumerate() {
        let start = done.copy();
        run(&done.root(), &script, number).await.unwrap();
        let states = [tables(&start.root()), tables(&done.root())];
        for step in 0.. {
            let lake = start.copy();
            if !run_until(&lake.root(), &script, number, step).await {
                break;
            }
            kills += 1;
            recover_killed_twice(&lake.root()).await;
            check_and_go_on(&lake, &script, number, &states).await;
        }
    }
    assert!(kills > 60, "{kills} kills");
}

/// What the lake shows is either state, as its position says, and the later one once the load has run again.
async fn check_and_go_on(lake: &Lake, script: &Script, number: usize, [before, after]: &[Tables; 2]) {
    let position = lake.destination().inspect().await.unwrap().position;
    if position == place(number) {
        assert_eq!(tables(&lake.root()), *before, "load {number}: not committed, yet changed");
        run(&lake.root(), script, number).await.unwrap();
    } else {
        assert_eq!(position, place(number + 1));
    }
    assert_eq!(tables(&lake.root()), *after, "load {number}: committed, yet not as after");
    assert_tidy(&lake.root());
}

/// Loads that insert, change in place, swap months, shrink, delete, widen, merge small files and rebuild.
pub(super) fn history() -> Vec<Script> {
    let first = vec![
        Call::new("a", JANUARY, 2).parts(&["1", "2"]),
        Call::new("b", FEBRUARY, 3).parts(&["3"]),
        Call::new("c", "", 4),
        Call::new("d", JANUARY, 5).parts(&["4"]),
    ];
    let swapped = vec![
        Call::new("a", FEBRUARY, 12).parts(&["5"]),
        Call::new("b", JANUARY, 13).parts(&["6", "7"]),
        Call::new("c", JANUARY, 14),
        Call::new("e", JANUARY, 15),
    ];
    let more = vec![Call::new("f", JANUARY, 22).parts(&["8"]), Call::new("d", JANUARY, 23)];
    let crowd = vec![Call::new("g", "2026-01-01T10:00:00Z", 32).parts(&["9"]), Call::new("b", FEBRUARY, 33)];
    let wider = vec![Call::new("h", JANUARY, 42).field("mood", json!("calm")), Call::new("a", JANUARY, 43)];
    let anew = vec![
        Call::new("b", JANUARY, 52).parts(&["10"]),
        Call::new("a", FEBRUARY, 53).parts(&["11"]),
        Call::new("i", "2026-03-02T10:00:00Z", 54),
    ];
    let mut scripts = vec![
        Script::new(place(0), first),
        Script::new(place(1), swapped),
        Script::new(place(2), more).deleting("a", Position::new(1, 24)),
        Script::new(place(3), crowd),
        Script::new(place(4), wider).widened(),
        Script::new(Position::START, anew).replacing(),
        Script::new(place(6), Vec::new()),
    ];
    scripts[5].spec.fence = 2;
    scripts[6].spec.fence = 2;
    scripts
}

/// Runs a load that dies at its `kill`-th step; false if it has fewer steps. At each step readers see each record
/// at most once.
async fn run_until(root: &Path, script: &Script, number: usize, kill: usize) -> bool {
    let watch = watcher(root, kill);
    let destination = open(root).watched(watch);
    match load(&destination, script, number).await {
        Ok(()) => false,
        Err(error) => {
            assert_eq!(error.kind(), Kind::Interrupted, "{}", error.chain());
            true
        }
    }
}

/// A recovery that dies at its first step, and one that does not.
pub(super) async fn recover_killed_twice(root: &Path) {
    let _ = open(root).watched(watcher(root, 0)).inspect().await;
    let _ = open(root).watched(watcher(root, 2)).inspect().await;
    open(root).inspect().await.unwrap();
}

pub(super) fn watcher(
    root: &Path,
    kill: usize,
) -> impl Fn(&'static str) -> Result<()> + Send + Sync + 'static {
    let (root, steps): (PathBuf, _) = (root.to_owned(), Arc::new(AtomicUsize::new(0)));
    move |step| {
        tables(&root);
        if steps.fetch_add(1, Ordering::SeqCst) == kill {
            return Err(Error::new(Kind::Interrupted, "killed here").with("step", step));
        }
        Ok(())
    }
}

async fn load(destination: &impl Destination, script: &Script, number: usize) -> Result<()> {
    let mut load = destination.begin(script.announced()).await?;
    load.write(script.change()).await?;
    load.commit(place(number + 1)).await.map(drop)
}

pub(super) async fn run(root: &Path, script: &Script, number: usize) -> Result<()> {
    load(&open(root), script, number).await
}

pub(super) type Tables = [BTreeMap<String, Value>; 2];

/// Both tables by key, as a glob shows them now; a key that is there twice fails.
pub(super) fn tables(root: &Path) -> Tables {
    [table(root, "calls", &["id"]), table(root, "call_parts", &["call_id", "idx"])]
}

fn table(root: &Path, name: &str, key: &[&str]) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for path in data_files(root, name) {
        for row in read(&path).iter().flat_map(clarion_core::testing::rows::rows) {
            let key: Vec<String> = key.iter().map(|column| row[*column].to_string()).collect();
            assert!(found.insert(key.join("/"), row).is_none(), "{key:?} is there twice");
        }
    }
    found
}

/// Nothing of a load is left but its result.
pub(super) fn assert_tidy(root: &Path) {
    assert!(files(&root.join("_clarion/staging")).is_empty());
    let manifest: Value =
        serde_json::from_slice(&fs::read(root.join("_clarion/manifest.json")).unwrap()).unwrap();
    assert!(manifest.get("pending").is_none());
    let listed: usize =
        manifest["tables"].as_object().unwrap().values().map(|t| t["files"].as_array().unwrap().len()).sum();
    assert_eq!(files(&root.join("_clarion/keys")).len(), listed);
}

/// The position before load `number`.
pub(super) fn place(number: usize) -> Position {
    if number == 0 { Position::START } else { Position::new(number as u64, 99) }
}
