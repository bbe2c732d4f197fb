//! Killed between the confirmation of a deletion and its marks: the next sync finishes it, and nothing else goes.

use clarion_simulator::Edit;

use super::kill::{CONCURRENCY, Death, Scene, detailed};
use crate::audit::audit;

/// Calls deleted before each sync that dies; few enough for the shrink guard.
const GONE: usize = 2;

fn delete(scene: &Scene, round: usize) {
    let ready: Vec<String> = detailed(&scene.control()).into_iter().collect();
    for step in 0..GONE {
        let id = ready[(round * 5 + step) % ready.len()].clone();
        assert!(scene.control().edit(Edit::Delete(id)), "the call is there");
    }
}

async fn dies_while_deleting(deaths: &[Death]) {
    for (round, death) in deaths.iter().enumerate() {
        let scene = Scene::set(24).await;
        scene.workspace.sync();
        let what = format!("{} while deleting", death.spelled());
        delete(&scene, round);
        scene.control().reset_log();
        scene.killed(&death.spelled(), &["sync"]);
        scene.assert_readable(&what).await;
        scene.assert_recovers(&what).await;
        let paid = scene.control().count_of("/call-details");
        assert!(paid <= GONE as u64 + CONCURRENCY, "{what}: {paid} requests for {GONE} deletions");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_deletion_is_finished_by_the_next_sync() {
    // A call is deleted in two lines: the first passage is between its details and itself.
    let deaths = [
        Death("pipeline.appended", 0),
        Death("pipeline.appended", 1),
        Death("pipeline.appended", 2),
        Death("journal.written", 0),
        Death("journal.renamed", 0),
        Death("state.writing", 0),
        Death("state.writing", 1),
        Death("state.writing", 2),
        Death("state.committed", 1),
        Death("pipeline.committed", 2),
    ];
    dies_while_deleting(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_marks_are_made_by_the_next_sync() {
    let mut deaths = vec![
        Death("parquet.staged", 0),
        Death("parquet.manifest", 0),
        Death("parquet.op", 0),
        Death("parquet.op", 4),
        Death("parquet.done", 0),
    ];
    if std::env::var_os("CLARION_TEST_POSTGRES").is_some() {
        deaths.extend([Death("postgres.staged", 0), Death("postgres.before_commit", 0)]);
    } else {
        crate::harness::skip("deaths within marks in Postgres", "CLARION_TEST_POSTGRES is not set");
    }
    dies_while_deleting(&deaths).await;
}

/// Rebuilt from the journal, a half-done deletion is still a suspect, and one that is done stays done.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_state_store_knows_the_deletions_again() {
    for death in [Death("pipeline.appended", 0), Death("pipeline.appended", 1)] {
        let scene = Scene::set(24).await;
        scene.workspace.sync();
        delete(&scene, 1);
        scene.killed(&death.spelled(), &["sync"]);
        scene.workspace.delete_state();
        scene.assert_recovers(&format!("{} and the state store is lost", death.spelled())).await;
    }
}

/// The audit must be able to fail: under this defect the state store is told of a deletion and the journal is not.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_only_the_state_store_knows_is_found_out() {
    let scene = Scene::set(24).await;
    scene.workspace.sync();
    delete(&scene, 1);
    let defect = [("FAILPOINTS", "pipeline.tombstone_not_journalled=return")];
    scene.workspace.run_with_env(&defect, &["sync"]).expect(0);
    scene.workspace.sync();
    assert!(audit(&scene.workspace, &scene.simulator).await.is_err(), "it went unnoticed");
}
