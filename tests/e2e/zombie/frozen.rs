//! Frozen at a step of extraction or of a load.

use super::{Scene, signal};
use crate::harness::{files, snapshot};

/// Freezes a later sync at a step, lets another take over and finish, wakes it, and says what is wrong afterwards.
async fn haunted(scene: &Scene, point: &str, defects: &str) -> Vec<String> {
    scene.workspace.sync();
    scene.change("what the zombie saw");
    let zombie = scene.freeze(&format!("{defects}{point}=1*return(stop)"));
    scene.cut_off().await;
    scene.change("what came after");
    scene.workspace.sync();
    let before = scene.findings().await;
    assert_eq!(before, Vec::<String>::new(), "{point}: the one that took over has finished");
    let journal = snapshot(&scene.workspace.journal());
    let lake = snapshot(&scene.workspace.lake());
    let warehouse = match scene.workspace.warehouse() {
        Some(database) => database.versions().await,
        None => Default::default(),
    };
    let ended = scene.wake(zombie);
    let mut findings = scene.findings().await;
    if ended.code != 1 {
        findings.push(format!("{point}: it ended with {}\n{}", ended.code, ended.stderr));
    }
    if snapshot(&scene.workspace.journal()) != journal {
        let names: Vec<_> = files(&scene.workspace.journal());
        findings.push(format!("{point}: it wrote to the journal: {names:?}"));
    }
    if snapshot(&scene.workspace.lake()) != lake {
        findings.push(format!("{point}: it wrote to the lake"));
    }
    if let Some(database) = scene.workspace.warehouse()
        && database.versions().await != warehouse
    {
        findings.push(format!("{point}: it wrote to the warehouse"));
    }
    let next = scene.workspace.run(&["sync"]);
    if next.code != 0 {
        findings.push(format!("{point}: the next sync ended with {}\n{}", next.code, next.stderr));
    }
    findings.extend(scene.findings().await);
    findings
}

async fn assert_powerless(points: &[&str]) {
    for point in points {
        let Some(scene) = Scene::set().await else { return };
        assert_eq!(haunted(&scene, point, "").await, Vec::<String>::new(), "{point}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_within_extraction_it_can_do_nothing_any_more() {
    assert_powerless(&["journal.appended", "pipeline.cut", "state.writing"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_within_a_load_of_a_lake_it_can_do_nothing_any_more() {
    assert_powerless(&["parquet.staged", "parquet.manifest", "parquet.op"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frozen_within_a_load_of_a_warehouse_it_can_do_nothing_any_more() {
    assert_powerless(&["postgres.staged", "postgres.before_commit"]).await;
}

/// The tests above must be able to fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_fence_that_nobody_looks_at_is_found_out() {
    for (point, defect) in [("parquet.op", "parquet.no_fence"), ("journal.appended", "journal.no_fence")] {
        let Some(scene) = Scene::set().await else { return };
        let defects = format!("{defect}=return;pipeline.no_fence=return;");
        assert_ne!(haunted(&scene, point, &defects).await, Vec::<String>::new(), "{defect} went unnoticed");
    }
}

/// Whose session at the warehouse lives on holds its locks: the next one is announced, and waits.
#[tokio::test(flavor = "multi_thread")]
async fn a_zombie_whose_session_lives_cannot_commit_once_another_was_announced() {
    for (defect, committed) in [("", false), ("postgres.no_fence=return;pipeline.no_fence=return;", true)] {
        let Some(scene) = Scene::set().await else { return };
        let Some(database) = scene.workspace.warehouse() else { return };
        scene.workspace.sync();
        scene.change("what the zombie saw");
        let zombie = scene.freeze(&format!("{defect}postgres.merged=1*return(stop)"));
        let fence = "SELECT fence::text FROM clari._clarion_fence";
        let position = "SELECT position::text FROM clari._clarion_position";
        let (announced, stood) = (database.text(fence).await, database.text(position).await);
        // Everything but its session at the warehouse.
        std::fs::remove_file(scene.workspace.path().join("clarion.lock")).unwrap();
        let end = "SELECT count(pg_terminate_backend(pid, 10000))::text FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        scene.state.text(end).await;
        let next = scene.workspace.spawn(&[], &["load", "--destination", "warehouse"]);
        while database.text(fence).await == announced {
            std::thread::yield_now();
        }
        assert_eq!(database.text(position).await, stood);
        signal(&zombie, "-CONT");
        let ended = zombie.wait();
        assert_eq!(ended.code == 0, committed, "{}", ended.stderr);
        let taken_over = next.wait();
        assert_eq!(taken_over.code == 0, !committed, "{}", taken_over.stderr);
    }
}
