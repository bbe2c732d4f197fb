//! Killed while a destination is rebuilt.

use super::kill::{Death, Scene};
use super::later_sync::change;
use crate::audit::{assert_clean, audit};

async fn dies_while_rebuilding(destination: &str, deaths: &[Death]) {
    let scene = Scene::set(24).await;
    scene.workspace.sync();
    change(&scene.control(), 0);
    scene.workspace.sync();
    scene.control().reset_log();
    for death in deaths {
        let what = format!("{} in a replay of {destination}", death.spelled());
        let replay = ["replay", "--destination", destination];
        scene.killed(&death.spelled(), &replay);
        scene.assert_readable(&what).await;
        scene.workspace.run(&["load"]).expect(0);
        assert_clean(&format!("{what}, then a load"), audit(&scene.workspace, &scene.simulator).await);
        scene.killed(&death.spelled(), &replay);
        scene.workspace.run(&replay).expect(0);
        assert_clean(&format!("{what}, then a replay"), audit(&scene.workspace, &scene.simulator).await);
    }
    assert_eq!(scene.control().count(), 0, "a replay makes no requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replay_of_the_lake_leaves_the_old_or_the_new_rows() {
    let deaths = [
        Death("parquet.staged", 0),
        Death("parquet.manifest", 0),
        Death("parquet.op", 2),
        Death("parquet.op", 40),
        Death("parquet.done", 0),
    ];
    dies_while_rebuilding("lake", &deaths).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replay_of_the_warehouse_leaves_the_old_or_the_new_rows() {
    if std::env::var_os("CLARION_TEST_POSTGRES").is_none() {
        return crate::harness::skip(
            "deaths within a replay of Postgres",
            "CLARION_TEST_POSTGRES is not set",
        );
    }
    let deaths =
        [Death("postgres.staged", 0), Death("postgres.before_commit", 0), Death("postgres.committed", 0)];
    dies_while_rebuilding("warehouse", &deaths).await;
}
