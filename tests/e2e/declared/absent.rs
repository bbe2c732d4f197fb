//! Endpoints that this workspace does not have.

use serde_json::json;

use super::{NOW, Scene, asked};

#[tokio::test]
async fn an_absent_endpoint_is_recorded_said_once_and_asked_for_again_on_its_schedule() {
    let scene = Scene::set(8, "").await;
    scene.control().set_faults("404@/teams,403@/accounts,404@/stats").unwrap();
    let ran = scene.sync(NOW);
    assert_eq!(ran.text("/outcome"), "done");
    let warnings = ran.json["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 3, "{warnings:?}");
    for (stream, status) in [("teams", "404"), ("accounts", "403"), ("user_stats", "404")] {
        assert!(warnings.iter().any(|warning| {
            let text = warning.as_str().unwrap();
            text.starts_with(&format!("{stream} is not available")) && text.contains(status)
        }));
        let line = scene.status_of(stream);
        assert_eq!(line["availability"], format!("not available ({status} since 2026-11-20)"));
        assert!(line["last_success"].is_null());
    }
    assert!(!scene.live("opportunities").is_empty() && !scene.live("aggregate_stats").is_empty());

    // Not due, then due and said no more.
    scene.sync("2026-11-20T16:00:00Z");
    assert!(!asked(&scene.control()).contains_key("/teams"));
    let ran = scene.sync("2026-11-21T10:00:00Z");
    assert_eq!(ran.json["warnings"], json!([]));
    assert_eq!(asked(&scene.control())["/teams"], 1);

    scene.control().set_faults("").unwrap();
    scene.sync("2026-11-22T10:00:00Z");
    assert_eq!(scene.live("teams").len(), scene.control().collection("teams").len());
    assert_eq!(scene.status_of("teams")["availability"], "available");
}

#[tokio::test]
async fn a_stream_that_fails_stops_no_other_and_is_tried_again_at_once() {
    let scene = Scene::set(8, "").await;
    scene.control().set_faults("400@/scorecard").unwrap();
    let ran = scene.at(NOW, "", &["sync"]).expect(1);
    assert!(ran.json["errors"][0].as_str().unwrap().contains("scorecard"), "{}", ran.json["errors"]);
    for table in ["teams", "topics", "playlists", "crm_contacts", "calls", "call_details"] {
        assert!(!scene.live(table).is_empty(), "{table}");
    }
    scene.control().set_faults("").unwrap();
    scene.sync("2026-11-20T10:05:00Z");
    assert_eq!(scene.live("scorecards").len(), scene.control().collection("scorecards").len());
    assert!(!asked(&scene.control()).contains_key("/teams"), "it was read already");
}
