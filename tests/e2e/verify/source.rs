//! What the vendor did behind the last sync's back.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use clarion_simulator::Edit;
use serde_json::json;

use super::{assert_found, count, findings, scene, verify};
use crate::harness::{Layout, Workspace, nth_details_request, simulate, small};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_vendor_deleted_is_extra() {
    let (simulator, workspace) = scene(60).await;
    let control = simulator.control();
    let id = control.call_ids()[7].clone();
    assert!(control.edit(Edit::Delete(id.clone())));
    let calls = format!("source calls extra {id} ");
    let details = format!("source call_details extra {id} ");
    let ran = assert_found(&workspace, 1, &[&calls, &details]);
    assert_eq!(findings(&ran).len(), 2, "{:?}", findings(&ran));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_vendor_edited_silently_is_stale_and_the_field_is_named() {
    let (simulator, workspace) = scene(60).await;
    let control = simulator.control();
    let detailed = control.truth().into_iter().find(crate::audit::has_details).unwrap();
    let id = detailed["id"].as_str().unwrap().to_owned();
    let merge = json!({"title": "a secret", "metrics": {"talk_listen_ratio": 0.123}});
    assert!(control.edit(Edit::Patch { id: id.clone(), merge }));
    let wanted = format!("source call_details stale {id} /metrics/talk_listen_ratio, /title");
    let ran = assert_found(&workspace, 1, &[&wanted]);
    assert!(!ran.stdout.contains("a secret"), "values are never shown");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_moved_silently_is_stale_and_not_deleted() {
    let (simulator, workspace) = scene(700).await;
    let control = simulator.control();
    let truth = control.truth();
    let oldest =
        truth.iter().filter(|call| call["time"].is_string()).min_by_key(|call| call["time"].to_string());
    let id = oldest.unwrap()["id"].as_str().unwrap().to_owned();
    assert!(control.edit(Edit::Reschedule { id: id.clone(), time: Utc::now() - TimeDelta::days(2) }));
    let ran = workspace.run(&["verify", "--sample", "0"]).expect(1);
    assert_eq!(findings(&ran), [format!("source calls stale {id} moved to another time")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn users_that_came_changed_or_left_are_named() {
    let (simulator, workspace) = scene(10).await;
    let control = simulator.control();
    let users = control.collection("users");
    let id = |index: usize| users[index]["id"].as_str().unwrap().to_owned();
    let mut changed = users[0].clone();
    changed["name"] = json!("Somebody Else");
    assert!(control.edit(Edit::AddUser(changed)));
    assert!(control.edit(Edit::RemoveUser(id(1))));
    assert!(control.edit(Edit::AddUser(json!({"id": "u-new", "name": "New", "email": "new@example.com"}))));
    let wanted = [
        format!("source users stale {} /name", id(0)),
        format!("source users extra {}", id(1)),
        "source users missing u-new".to_owned(),
    ];
    assert_found(&workspace, 1, &wanted.each_ref().map(String::as_str));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_late_sync_explains_is_no_difference() {
    let (simulator, workspace) = scene(60).await;
    let control = simulator.control();
    let mut new = control.truth()[0].clone();
    let now = Utc::now();
    new["id"] = json!("brand-new");
    new["last_modified_time"] = json!(now);
    assert!(control.edit(Edit::Add(new)));
    let detailed = control.truth().into_iter().find(crate::audit::has_details).unwrap();
    let id = detailed["id"].as_str().unwrap().to_owned();
    assert!(control.edit(Edit::SetStatus { id: id.clone(), status: "PROCESSED".to_owned(), at: now }));
    let changed = format!("source call_details waiting {id} ");
    assert_found(&workspace, 0, &["source calls waiting brand-new", &changed]);
    workspace.sync();
    assert_eq!(findings(&verify(&workspace).expect(0)), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_runs_beside_a_sync_and_calls_what_is_queued_waiting() {
    let simulator = simulate(small(40)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let control = simulator.control();
    control.set_faults("slow@/call-details").unwrap();
    let reached = nth_details_request(&control, 1);
    let sync = workspace.spawn(&[], &["sync"]);
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    let ran = workspace.run(&["verify", "--sample", "0"]).expect(0);
    assert!(count(&ran, "waiting") > 0, "{}", ran.stdout);
    control.clear_hook();
    control.set_faults("").unwrap();
    sync.wait().expect(0);
    assert_eq!(findings(&verify(&workspace).expect(0)), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_quota_it_compares_what_costs_nothing_and_says_so() {
    let (simulator, workspace) = scene(30).await;
    let spent = workspace.run(&["status"]).expect(0).number("/quota/used");
    let config = workspace.config();
    let limited = format!("weekly_requests = {}", spent + 3);
    workspace.write_config(&config.replace("weekly_requests = 0", &limited));
    let ran = verify(&workspace).expect(3);
    assert_eq!(ran.text("/outcome"), "paused");
    assert!(!ran.text("/resumes_at").is_empty());
    assert!(count(&ran, "compared") > 500, "{}", ran.stdout);
    drop(simulator);
}
