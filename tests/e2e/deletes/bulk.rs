//! Many calls at once: retention policies, and a vendor gone wrong.

use chrono::{TimeDelta, Utc};

use super::{Scene, deleted};
use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Ran};

const ALL: &str = "500d";

fn warnings(ran: &Ran) -> String {
    ran.json["warnings"].to_string()
}

#[tokio::test]
async fn a_bulk_removal_is_told_in_one_line_and_confirmed_within_the_budget() {
    // A hundredth of the week goes to re-reads in one run.
    let layout = Layout { weekly_requests: 2_400, ..Layout::both().await };
    let scene = Scene::with(240, ALL, layout).await;
    scene.delete(&scene.detailed()[..40]);
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!(deleted(&ran, "calls"), 24);
    assert_eq!(scene.control().count_of("/call-details"), 24);
    let told = warnings(&ran);
    assert!(told.contains("40 calls up to ") && told.contains("a bulk removal"), "{told}");
    assert_eq!(scene.workspace.run(&["status"]).expect(0).number("/suspects"), 16);

    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!(deleted(&ran, "calls"), 16);
    assert_eq!(scene.workspace.run(&["status"]).expect(0).number("/suspects"), 0);
    assert_clean("bulk", audit(&scene.workspace, &scene.simulator).await);
}

#[tokio::test]
async fn more_than_a_fifth_of_a_table_is_held_back_until_it_is_accepted() {
    let scene = Scene::synced(100, ALL).await;
    scene.delete(&scene.detailed()[..30]);
    let ran = scene.sync_with("", &[]).expect(4);
    assert_eq!((deleted(&ran, "calls"), ran.text("/outcome")), (20, "partial"));
    let told = warnings(&ran);
    assert!(told.contains("--accept-deletes") && told.contains("missing from the vendor's list"), "{told}");
    assert_eq!(scene.control().count_of("/call-details"), 20, "what is held back is not asked for");

    let ran = scene.sync_with("", &[]).expect(4);
    assert_eq!((deleted(&ran, "calls"), scene.control().count_of("/call-details")), (0, 20));
    assert_eq!(scene.workspace.run(&["status"]).expect(0).number("/suspects"), 10);

    let ran = scene.sync_with("", &["--accept-deletes"]).expect(0);
    assert_eq!(deleted(&ran, "calls"), 10);
    assert_clean("accepted", audit(&scene.workspace, &scene.simulator).await);
}

#[tokio::test]
async fn what_was_held_back_goes_a_week_later() {
    let scene = Scene::synced(100, ALL).await;
    scene.delete(&scene.detailed()[..30]);
    scene.sync_with("", &[]).expect(4);
    let now = (Utc::now() + TimeDelta::days(8)).to_rfc3339();
    let ran = scene.workspace.run_with_env(&[("CLARION_TEST_NOW", &now)], &["sync"]).expect(0);
    assert_eq!(deleted(&ran, "calls"), 10);
}

/// The test above must be able to fail.
#[tokio::test]
async fn a_guard_that_sleeps_is_found_out() {
    let scene = Scene::synced(100, ALL).await;
    scene.delete(&scene.detailed()[..30]);
    let ran = scene.sync_with("pipeline.no_guard=return", &[]).expect(0);
    assert_eq!(deleted(&ran, "calls"), 30, "the defect had no effect");
}
