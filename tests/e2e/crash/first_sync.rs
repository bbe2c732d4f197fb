//! Killed in its first sync.

use super::kill::{Death, Scene};
use crate::audit::assert_clean;

const CALLS: usize = 24;

async fn dies_and_recovers(deaths: &[Death]) {
    for death in deaths {
        let scene = Scene::set(CALLS).await;
        let what = death.spelled();
        scene.killed(&what, &["sync"]);
        scene.assert_readable(&what).await;
        scene.assert_recovers(&what).await;
        assert_clean(&what, scene.economy(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn between_response_and_journal_nothing_is_lost() {
    let users = 1;
    let deaths = [
        Death("journal.appended", 0),
        Death("journal.appended", users + 10),
        Death("journal.appended", 60),
        Death("pipeline.appended", 5),
        Death("pipeline.appended", 50),
    ];
    dies_and_recovers(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_journal_and_state_nothing_is_lost() {
    let deaths = [
        Death("journal.written", 0),
        Death("journal.written", 2),
        Death("journal.compressed", 1),
        Death("journal.spool_removed", 1),
        Death("journal.renamed", 0),
        Death("journal.renamed", 1),
        Death("journal.renamed", 2),
        Death("pipeline.cut", 0),
        Death("pipeline.cut", 2),
        Death("pipeline.cut", 4),
    ];
    dies_and_recovers(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_and_after_a_commit_of_the_state_nothing_is_lost() {
    let deaths = [
        Death("state.reserved", 0),
        Death("state.settled", 0),
        Death("state.writing", 0),
        Death("state.writing", 4),
        Death("state.committed", 1),
        Death("state.committed", 4),
        Death("pipeline.committed", 0),
        Death("pipeline.committed", 3),
    ];
    dies_and_recovers(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_commit_of_the_lake_nothing_is_lost() {
    let deaths = [
        Death("parquet.staged", 0),
        Death("parquet.manifest", 0),
        Death("parquet.op", 0),
        Death("parquet.op", 7),
        Death("parquet.op", 30),
        Death("parquet.done", 0),
    ];
    dies_and_recovers(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_a_commit_of_the_warehouse_nothing_is_lost() {
    if std::env::var_os("CLARION_TEST_POSTGRES").is_none() {
        return crate::harness::skip(
            "deaths within a commit of Postgres",
            "CLARION_TEST_POSTGRES is not set",
        );
    }
    let deaths = [
        Death("postgres.staged", 0),
        Death("postgres.staged", 1),
        Death("postgres.merged", 0),
        Death("postgres.before_commit", 0),
        Death("postgres.committed", 0),
    ];
    dies_and_recovers(&deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_death_while_recovering_from_the_first_loses_nothing() {
    let pairs = [
        (Death("journal.appended", 40), Death("journal.written", 0)),
        (Death("journal.appended", 40), Death("journal.renamed", 0)),
        (Death("journal.appended", 40), Death("state.writing", 0)),
        (Death("journal.renamed", 2), Death("state.writing", 0)),
        (Death("journal.renamed", 1), Death("pipeline.committed", 0)),
        (Death("parquet.manifest", 0), Death("parquet.op", 3)),
        (Death("parquet.op", 5), Death("parquet.done", 0)),
    ];
    for (first, second) in pairs {
        let scene = Scene::set(CALLS).await;
        let what = format!("{}, then {}", first.spelled(), second.spelled());
        scene.killed(&first.spelled(), &["sync"]);
        scene.killed(&second.spelled(), &["sync"]);
        scene.assert_readable(&what).await;
        scene.assert_recovers(&what).await;
        assert_clean(&what, scene.economy(2));
    }
}
