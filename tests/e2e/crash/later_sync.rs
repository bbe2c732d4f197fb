//! Killed in a later sync, which rewrites files and merges rows.

use chrono::Utc;
use clarion_simulator::{Control, Edit};
use serde_json::json;

use super::kill::{CONCURRENCY, Death, Scene};

const CALLS: usize = 24;
/// Calls whose details each round of edits makes due.
const CHANGED: u64 = 4;

/// Kills one sync after the other, each with changes of its own to bring.
async fn dies_again_and_again(deaths: &[Death]) {
    let scene = Scene::set(CALLS).await;
    scene.workspace.sync();
    for (round, death) in deaths.iter().enumerate() {
        let what = format!("{} in a later sync", death.spelled());
        change(&scene.control(), round);
        scene.control().reset_log();
        scene.killed(&death.spelled(), &["sync"]);
        scene.assert_readable(&what).await;
        scene.assert_recovers(&what).await;
        let paid = scene.control().count_of("/call-details");
        assert!(paid <= CHANGED + CONCURRENCY, "{what}: {paid} details requests for {CHANGED} changes");
    }
}

/// Two silent edits, one of which moves a call to another month, a new status, and a new call.
pub(crate) fn change(control: &Control, round: usize) {
    let ready: Vec<_> = super::kill::detailed(control).into_iter().collect();
    let pick = |step: usize| ready[(round * 3 + step) % ready.len()].clone();
    let edit = |edit| assert!(control.edit(edit), "the call is there");
    let title = format!("changed in round {round}");
    edit(Edit::Patch { id: pick(0), merge: json!({ "title": title }) });
    edit(Edit::Reschedule { id: pick(1), time: Utc::now() - chrono::Duration::days(40 + round as i64) });
    edit(Edit::SetStatus { id: pick(2), status: "PROCESSED".to_owned(), at: Utc::now() });
    let mut fresh = control.truth_of(&pick(0)).expect("the call is there");
    fresh["id"] = format!("new-{round}").into();
    fresh["last_modified_time"] = Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true).into();
    edit(Edit::Add(fresh));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_sync_of_changes_is_made_good_by_the_next_in_journal_and_state() {
    let deaths = [
        Death("journal.appended", 0),
        Death("journal.appended", 5),
        Death("journal.written", 0),
        Death("journal.renamed", 1),
        Death("pipeline.cut", 1),
        Death("state.writing", 2),
        Death("state.committed", 2),
        Death("pipeline.committed", 1),
    ];
    dies_again_and_again(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_rewrite_of_the_lake_shows_each_key_at_most_once_and_is_finished_by_the_next() {
    let deaths = [
        Death("parquet.staged", 0),
        Death("parquet.manifest", 0),
        Death("parquet.op", 0),
        Death("parquet.op", 1),
        Death("parquet.op", 3),
        Death("parquet.op", 8),
        Death("parquet.op", 15),
        Death("parquet.done", 0),
    ];
    dies_again_and_again(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_merge_into_the_warehouse_is_done_by_the_next() {
    if std::env::var_os("CLARION_TEST_POSTGRES").is_none() {
        return crate::harness::skip("deaths within a merge in Postgres", "CLARION_TEST_POSTGRES is not set");
    }
    let deaths = [
        Death("postgres.staged", 0),
        Death("postgres.merged", 0),
        Death("postgres.before_commit", 0),
        Death("postgres.committed", 0),
    ];
    dies_again_and_again(&deaths).await;
}
