//! The control endpoint, as a script outside the process uses it.

use serde_json::{Value, json};

use crate::client::{Bench, Reply, small};

async fn post(bench: &Bench, control: &str, body: &Value) -> Reply {
    bench.send("POST", &format!("/_control/{control}"), &[], &body.to_string()).await.unwrap()
}

async fn read(bench: &Bench, control: &str) -> Value {
    bench.send("GET", &format!("/_control/{control}"), &[], "").await.unwrap().json()
}

#[tokio::test]
async fn the_log_and_the_counts_leave_the_control_itself_out() {
    let bench = Bench::start(small()).await;
    bench.get("/calls?limit=3&filterStatus=PROCESSED&filterStatus=SCHEDULED").await;
    let log = read(&bench, "log").await;
    assert_eq!(log.as_array().unwrap().len(), 1);
    assert_eq!(
        log[0]["query"],
        json!([["limit", "3"], ["filterStatus", "PROCESSED"], ["filterStatus", "SCHEDULED"]])
    );
    let counts = read(&bench, "counts").await;
    assert_eq!((&counts["requests"], &counts["quota_used"]), (&json!(1), &json!(1)));
    assert_eq!(post(&bench, "reset", &json!({})).await.status, 200);
    assert_eq!(read(&bench, "counts").await["requests"], 0);
}

#[tokio::test]
async fn the_truth_and_edits_go_over_http() {
    let bench = Bench::start(small()).await;
    let truth = read(&bench, "truth").await;
    let id = truth["calls"][0]["id"].clone();
    assert_eq!(truth["private_call_ids"], json!(bench.control.private_ids()));
    let edits = [
        json!({"set_status": {"id": id, "status": "PROCESSED", "at": "2026-11-13T00:00:00Z"}}),
        json!({"patch": {"id": id, "merge": {"title": "x"}}}),
        json!({"add_field": {"name": "extra", "value": 1}}),
        json!({"delete": id}),
    ];
    for edit in edits {
        assert_eq!(post(&bench, "edit", &edit).await.status, 200, "{edit}");
    }
    assert_eq!(post(&bench, "edit", &json!({"delete": id})).await.status, 404);
    assert_eq!(post(&bench, "edit", &json!({"explode": id})).await.status, 400);
    assert_eq!(read(&bench, "truth").await["calls"].as_array().unwrap().len(), 59);
}

#[tokio::test]
async fn faults_and_quirks_go_over_http() {
    let bench = Bench::start(small()).await;
    assert_eq!(post(&bench, "faults", &json!({"spec": "500"})).await.status, 200);
    assert_eq!(bench.get("/users").await.status, 500);
    assert_eq!(post(&bench, "faults", &json!({"spec": "gone"})).await.status, 400);
    assert_eq!(post(&bench, "faults", &json!({"spec": ""})).await.status, 200);
    assert_eq!(post(&bench, "quirks", &json!({"matched_delta": 5})).await.status, 200);
    assert_eq!(post(&bench, "quirks", &json!({"matched_detla": 5})).await.status, 400);
    assert_eq!(bench.json("/calls?includePrivate=true").await["pagination"]["matched"], 65);
}
