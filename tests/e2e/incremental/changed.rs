//! What changed arrives, at the price of what changed.

use chrono::{SecondsFormat, TimeDelta, Utc};
use clarion_simulator::{Control, Edit};
use serde_json::{Value, json};

use super::{added_bound, id, idle_bound, is_done, recent};
use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Workspace, assert_truth, lake_tables, simulate, small};

/// Wide enough to hold a few calls of a small workspace.
const RELIST: TimeDelta = TimeDelta::days(60);

async fn layout() -> Layout {
    Layout { more: "[streams.calls]\nrelist = \"60d\"\n".to_owned(), ..Layout::both().await }
}

#[tokio::test]
async fn changed_calls_cost_a_request_each_and_equal_the_truth() {
    let simulator = simulate(small(120)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    control.reset_log();

    let changed = change_status(&control, 5) + edit_silently(&control, 3) + add_calls(&control, 4);
    let ran = workspace.sync();
    let bound = idle_bound(&control, RELIST) + added_bound(changed);
    assert!(control.count() <= bound, "{} requests, more than {bound}", control.count());
    assert!(control.count_of("/call-details") <= changed, "a call was fetched twice, or without need");
    assert_eq!(ran.number("/streams/calls/new"), 4);
    assert_eq!(ran.number("/streams/calls/changed"), 8);
    assert_truth(&workspace, &control).await;

    control.reset_log();
    workspace.sync();
    assert_eq!(control.count_of("/call-details"), 0, "what was read is read again");
}

#[tokio::test]
async fn many_changed_calls_cost_a_request_each_and_their_pages() {
    let simulator = simulate(small(200)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    control.reset_log();
    let changed = change_status(&control, 130);
    assert_eq!(changed, 130);
    workspace.sync();
    let bound = idle_bound(&control, RELIST) + added_bound(changed);
    assert!(control.count() <= bound, "{} requests, more than {bound}", control.count());
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn private_calls_that_are_not_asked_for_are_not_there() {
    let simulator = simulate(small(80)).await;
    let control = simulator.control();
    let layout = Layout { source: "include_private = false".to_owned(), ..Layout::both().await };
    let workspace = Workspace::new(&simulator.url(), layout);
    workspace.sync();
    let private = control.private_ids();
    assert!(!private.is_empty());
    let tables = lake_tables(&workspace.lake());
    let public = control.call_ids().into_iter().filter(|id| !private.contains(id));
    let mut public: Vec<String> = public.collect();
    let mut found: Vec<String> = tables["calls"].iter().map(id).collect();
    public.sort();
    found.sort();
    assert_eq!(found, public);
    assert!(tables["calls"].iter().all(|row| row["is_private"] == false));
}

#[tokio::test]
async fn a_silent_edit_of_a_recent_call_is_seen_with_its_details() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    let call = recent(&control, RELIST).into_iter().find(is_done).unwrap();
    let merge = json!({"title": "edited in silence", "summary": {"full_summary": "rewritten in silence"}});
    assert!(control.edit(Edit::Patch { id: id(&call), merge }));
    assert_eq!(control.truth_of(&id(&call)).unwrap()["last_modified_time"], call["last_modified_time"]);

    workspace.sync();
    let tables = lake_tables(&workspace.lake());
    let row = tables["call_details"].iter().find(|row| row["id"] == call["id"]).unwrap();
    assert_eq!(row["title"], "edited in silence");
    assert_eq!(row["summary"]["full_summary"], "rewritten in silence");
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn a_change_of_privacy_is_seen_both_ways() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let calls = recent(&control, RELIST);
    let done: Vec<&Value> = calls.iter().filter(|call| is_done(call)).collect();
    let (published, hidden) = (id(done[0]), id(done[1]));
    control.edit(Edit::SetPrivate { id: published.clone(), private: true });
    control.edit(Edit::SetPrivate { id: hidden.clone(), private: false });
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    assert_truth(&workspace, &control).await;

    control.edit(Edit::SetPrivate { id: published.clone(), private: false });
    control.edit(Edit::SetPrivate { id: hidden.clone(), private: true });
    control.reset_log();
    let ran = workspace.sync();
    assert_eq!(control.count_of("/call-details"), 0, "the details are here already");
    assert_eq!(ran.number("/streams/call_details/changed"), 2);
    assert_truth(&workspace, &control).await;
    assert_clean("flipped", audit(&workspace, &simulator).await);
    let tables = lake_tables(&workspace.lake());
    for table in ["calls", "call_details"] {
        let private =
            |id: &str| tables[table].iter().find(|row| row["id"] == id).unwrap()["is_private"].clone();
        assert_eq!((private(&published), private(&hidden)), (json!(false), json!(true)), "{table}");
    }
}

/// The audits must be able to fail.
#[tokio::test]
async fn a_change_of_privacy_that_does_not_reach_the_details_is_found_out() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    let call = recent(&control, RELIST).into_iter().find(is_done).unwrap();
    let private = !control.is_private(&id(&call));
    control.edit(Edit::SetPrivate { id: id(&call), private });
    workspace.run_with_env(&[("FAILPOINTS", "pipeline.flag_stays=return")], &["sync"]).expect(0);
    assert!(audit(&workspace, &simulator).await.is_err(), "the old flag went unnoticed");
}

#[tokio::test]
async fn a_user_is_added_and_another_changes() {
    let simulator = simulate(small(30)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    let mut changed = control.collection("users")[0].clone();
    changed["name"] = json!("Renamed Ωmega");
    control.edit(Edit::AddUser(changed));
    control.edit(Edit::AddUser(json!({"id": "new-user", "email": "new.user@example.com", "role": "REP"})));

    let ran = workspace.sync();
    assert_eq!((ran.number("/streams/users/new"), ran.number("/streams/users/changed")), (1, 1));
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn a_list_that_shrinks_leaves_nothing_behind() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    let call = recent(&control, RELIST).into_iter().find(is_done).unwrap();
    let turns = call["transcript"].as_array().unwrap();
    let merge = json!({
        "transcript": &turns[..2], "title": "cut", "externalParticipants": [], "metrics": {"categories": []},
        "competitor_sentiments": null, "summary": {"topics_discussed": [], "key_action_items": null}
    });
    control.edit(Edit::Patch { id: id(&call), merge });
    workspace.sync();
    assert_truth(&workspace, &control).await;
    let tables = lake_tables(&workspace.lake());
    let left = tables["transcript_turns"].iter().filter(|row| row["call_id"] == call["id"]);
    assert_eq!(left.count(), 2);
}

#[tokio::test]
async fn a_call_that_moves_to_another_month_is_there_once() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    let call = recent(&control, RELIST).into_iter().find(is_done).unwrap();
    let time = Utc::now() + TimeDelta::days(70);
    control.edit(Edit::Reschedule { id: id(&call), time });
    workspace.sync();
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn calls_without_a_time_are_found_and_kept() {
    let simulator = simulate(small(40)).await;
    let control = simulator.control();
    let calls = control.truth();
    for call in calls.iter().filter(|call| is_done(call)).take(3) {
        control.edit(Edit::Patch { id: id(call), merge: json!({"time": null}) });
    }
    let workspace = Workspace::new(&simulator.url(), layout().await);
    workspace.sync();
    assert_truth(&workspace, &control).await;
    assert!(workspace.lake().join("calls/call_month=unknown").is_dir());
}

/// The only edit that moves `last_modified_time`; of calls that no relist would show.
fn change_status(control: &Control, count: usize) -> u64 {
    let recent: Vec<String> = recent(control, RELIST).iter().map(id).collect();
    let calls = control.truth();
    let older = calls.iter().filter(|call| !recent.contains(&id(call)) && is_done(call));
    let chosen: Vec<String> = older.map(id).take(count).collect();
    for id in &chosen {
        let status = "PROCESSED".to_owned();
        control.edit(Edit::SetStatus { id: id.clone(), status, at: Utc::now() });
    }
    chosen.len() as u64
}

fn edit_silently(control: &Control, count: usize) -> u64 {
    let calls = recent(control, RELIST);
    let chosen: Vec<String> = calls.iter().filter(|call| is_done(call)).map(id).take(count).collect();
    assert_eq!(chosen.len(), count, "too few recent calls");
    for id in &chosen {
        let merge = json!({"title": format!("edited {id}"), "deal_name": null});
        control.edit(Edit::Patch { id: id.clone(), merge });
    }
    chosen.len() as u64
}

/// Of any time: a call may be imported long after it took place.
fn add_calls(control: &Control, count: usize) -> u64 {
    let model = control.truth().into_iter().find(is_done).unwrap();
    for number in 0..count {
        let mut call = model.clone();
        call["id"] = json!(format!("added-{number}"));
        let time = Utc::now() - TimeDelta::days(90) * i32::try_from(number).unwrap() - TimeDelta::hours(1);
        call["time"] = json!(time.to_rfc3339_opts(SecondsFormat::Millis, true));
        call["last_modified_time"] = json!(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
        assert!(control.edit(Edit::Add(call)));
    }
    count as u64
}
