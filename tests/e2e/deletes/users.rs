//! Users have no endpoint that tells by id: two complete snapshots in a row without one are the proof.

use clarion_simulator::Edit;
use serde_json::Value;

use super::{Scene, deleted};
use crate::audit::{assert_clean, audit};

async fn after_one_snapshot(failpoints: &str) -> (Scene, Value, u64) {
    let scene = Scene::synced(30, "14d").await;
    let user = scene.control().collection("users")[1].clone();
    let id = user["id"].as_str().unwrap().to_owned();
    assert!(scene.control().edit(Edit::RemoveUser(id)));
    let ran = scene.sync_with(failpoints, &[]).expect(0);
    let gone = deleted(&ran, "users");
    (scene, user, gone)
}

#[tokio::test]
async fn a_user_is_gone_after_two_snapshots_and_may_come_back() {
    let (scene, user, gone) = after_one_snapshot("").await;
    assert_eq!(gone, 0, "one snapshot proves nothing");
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!(deleted(&ran, "users"), 1);
    assert_clean("gone", audit(&scene.workspace, &scene.simulator).await);
    scene.assert_replay_shows_the_same().await;
    scene.control().edit(Edit::AddUser(user));
    scene.sync_with("", &[]).expect(0);
    assert_clean("back", audit(&scene.workspace, &scene.simulator).await);
}

#[tokio::test]
async fn a_user_that_was_absent_once_begins_anew() {
    let (scene, user, _) = after_one_snapshot("").await;
    let id = user["id"].as_str().unwrap().to_owned();
    scene.control().edit(Edit::AddUser(user));
    scene.sync_with("", &[]).expect(0);
    scene.control().edit(Edit::RemoveUser(id));
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!(deleted(&ran, "users"), 0);
}

#[tokio::test]
async fn a_user_deleted_after_one_snapshot_is_found_out() {
    let (_, _, gone) = after_one_snapshot("pipeline.one_snapshot_is_proof=return").await;
    assert_eq!(gone, 1, "the defect had no effect");
}
