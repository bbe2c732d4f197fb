//! Each edit, seen through the API and through the truth.

use chrono::{DateTime, Utc};
use clarion_simulator::Edit;
use serde_json::{Value, json};

use crate::client::{Bench, small};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A public call that is ready.
async fn some_call(bench: &Bench) -> String {
    bench.ids("/calls?filterStatus=POST_PROCESSING_DONE&limit=1").await.remove(0)
}

async fn details(bench: &Bench, id: &str) -> Value {
    let call = bench.json(&format!("/call-details?id={id}")).await["call"].take();
    assert_eq!(bench.control.truth_of(id).as_ref(), Some(&call));
    call
}

#[tokio::test]
async fn a_call_is_added_replaced_and_deleted() {
    let bench = Bench::start(small()).await;
    let call = json!({"id": "new", "status": "PROCESSED", "time": "2026-01-01T00:00:00.000Z", "transcript": [{"text": "hi"}]});
    assert!(bench.control.edit(Edit::Add(call.clone())));
    assert_eq!(details(&bench, "new").await, call);
    assert_eq!(bench.control.call_ids().last().unwrap(), "new");
    let other = json!({"id": "new", "title": "other"});
    assert!(bench.control.edit(Edit::Add(other.clone())));
    assert_eq!(details(&bench, "new").await, other);
    assert_eq!(bench.control.truth().len(), 61);
    assert!(bench.control.edit(Edit::Delete("new".to_owned())));
    assert!(!bench.control.edit(Edit::Delete("new".to_owned())));
    assert_eq!(bench.get("/call-details?id=new").await.status, 404);
    assert_eq!(bench.control.truth().len(), 60);
}

#[tokio::test]
async fn a_status_moves_the_modified_time_and_the_transcript_comes_with_readiness() {
    let bench = Bench::start(small()).await;
    let id = some_call(&bench).await;
    let before = details(&bench, &id).await;
    let moment = at("2026-11-13T10:00:00.5Z");
    let set = |status: &str| Edit::SetStatus { id: id.clone(), status: status.to_owned(), at: moment };
    bench.control.edit(set("PROCESSING"));
    let on_its_way = details(&bench, &id).await;
    assert_eq!(on_its_way["status"], "PROCESSING");
    assert_eq!(on_its_way["last_modified_time"], "2026-11-13T10:00:00.500Z");
    assert!(on_its_way.get("transcript").is_none() && on_its_way.get("summary").is_none());
    bench.control.edit(set("PROCESSED"));
    let processed = details(&bench, &id).await;
    assert!(processed.get("transcript").is_some() && processed.get("summary").is_none());
    bench.control.edit(set("POST_PROCESSING_DONE"));
    let done = details(&bench, &id).await;
    assert_eq!((&done["transcript"], &done["summary"]), (&before["transcript"], &before["summary"]));
    let modified =
        "/calls?filterModifiedGt=2026-11-13T10:00:00.499Z&filterModifiedLt=2026-11-13T10:00:00.501Z";
    assert_eq!(bench.ids(modified).await, [id]);
}

#[tokio::test]
async fn a_patch_and_a_new_time_leave_the_modified_time_alone() {
    let bench = Bench::start(small()).await;
    let id = some_call(&bench).await;
    let before = details(&bench, &id).await;
    let merge = json!({"title": "renamed", "summary": {"full_summary": "rewritten"}, "source_id": null});
    bench.control.edit(Edit::Patch { id: id.clone(), merge });
    bench.control.edit(Edit::Reschedule { id: id.clone(), time: at("2026-02-03T04:05:06Z") });
    let after = details(&bench, &id).await;
    assert_eq!(after["last_modified_time"], before["last_modified_time"]);
    assert_eq!(after["time"], "2026-02-03T04:05:06.000Z");
    assert_eq!((&after["title"], after.get("source_id")), (&json!("renamed"), None));
    assert_eq!(after["summary"]["full_summary"], "rewritten");
    assert_eq!(after["summary"]["topics_discussed"], before["summary"]["topics_discussed"]);
    assert_eq!(after["transcript"], before["transcript"]);
}

#[tokio::test]
async fn privacy_can_be_turned() {
    let bench = Bench::start(small()).await;
    let id = some_call(&bench).await;
    bench.control.edit(Edit::SetPrivate { id: id.clone(), private: true });
    assert!(!bench.ids("/calls?limit=100").await.contains(&id));
    bench.control.edit(Edit::SetPrivate { id: id.clone(), private: false });
    assert!(bench.ids("/calls?limit=100").await.contains(&id));
}

#[tokio::test]
async fn a_field_can_be_anything() {
    let bench = Bench::start(small()).await;
    let id = some_call(&bench).await;
    for (field, text) in [("title", "\"lone \\ud800 half\""), ("huge", "123456789012345678901234567890")] {
        let edit = Edit::SetVerbatim { id: id.clone(), field: field.to_owned(), text: text.to_owned() };
        bench.control.edit(edit);
        let listed = bench.get("/calls?limit=100").await.body;
        let wanted = format!("\"{field}\":{text}");
        assert!(String::from_utf8(listed).unwrap().contains(&wanted), "{wanted}");
    }
    let details = bench.get(&format!("/call-details?id={id}")).await.body;
    assert_eq!(String::from_utf8(details).unwrap().matches("\"title\"").count(), 1);
}

#[tokio::test]
async fn every_call_gets_a_new_field_and_another_type() {
    let bench = Bench::start(small()).await;
    let id = some_call(&bench).await;
    let before = details(&bench, &id).await;
    bench.control.edit(Edit::AddField { name: "region".to_owned(), value: json!({"code": 7}) });
    bench.control.edit(Edit::ChangeType { field: "/metrics/call_duration".to_owned() });
    bench.control.edit(Edit::ChangeType { field: "transcript/*/personId".to_owned() });
    bench.control.edit(Edit::Add(json!({"id": "later", "metrics": {"call_duration": 5}})));
    let after = details(&bench, &id).await;
    assert_eq!(after["metrics"]["call_duration"], before["metrics"]["call_duration"].to_string());
    assert!(after["transcript"].as_array().unwrap().iter().all(|turn| turn["personId"].is_string()));
    let page = bench.json("/calls?limit=100&includePrivate=true").await;
    assert!(page["calls"].as_array().unwrap().iter().all(|call| call["region"]["code"] == 7));
    assert_eq!(details(&bench, "later").await["metrics"]["call_duration"], "5");
}

#[tokio::test]
async fn users_come_and_go() {
    let bench = Bench::start(small()).await;
    let users = bench.control.collection("users").len();
    assert!(bench.control.edit(Edit::AddUser(json!({"id": "u1", "name": "Nora"}))));
    assert!(bench.control.edit(Edit::AddUser(json!({"id": "u1", "name": "Nora Berg"}))));
    let listed = bench.json("/users").await["users"].as_array().unwrap().clone();
    assert_eq!((listed.len(), &listed[users]["name"]), (users + 1, &json!("Nora Berg")));
    assert!(bench.control.edit(Edit::RemoveUser("u1".to_owned())));
    assert!(!bench.control.edit(Edit::RemoveUser("u1".to_owned())));
    assert_eq!(bench.control.collection("users").len(), users);
}

#[tokio::test]
async fn a_hook_edits_between_two_pages() {
    let bench = Bench::start(small()).await;
    let first = bench.ids("/calls?sortTime=asc&limit=10&includePrivate=true").await;
    let victim = first[0].clone();
    bench.control.before_request(move |request, control| {
        if request.path == "/calls" && request.param("skip") == Some("10") {
            control.edit(Edit::Delete(victim.clone()));
        }
    });
    let drifted = bench.ids("/calls?sortTime=asc&limit=10&includePrivate=true&skip=10").await;
    bench.control.clear_hook();
    let honest = bench.ids("/calls?sortTime=asc&limit=10&includePrivate=true&skip=9").await;
    assert_eq!(drifted[..9], honest[1..]);
    assert_eq!(bench.control.truth().len(), 59);
}
