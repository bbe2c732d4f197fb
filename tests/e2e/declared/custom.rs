//! Streams of the user's own that go on where the read before ended.

use clarion_simulator::Edit;
use serde_json::json;

use super::{NOW, Scene, texts};

/// Scorecards by the time of their filter, which the simulator knows by id: what is asked for is what counts here.
const PEOPLE: &str = r#"
[[streams.custom]]
name = "people"
path = "/users"
records = "$.users[*]"
key = "email"
cursor = "id"
cursor_param = "since"
every = "1h"
"#;

fn since(scene: &Scene) -> Vec<String> {
    let requests = scene.control().requests().into_iter().filter(|request| request.path == "/users");
    requests.filter_map(|request| request.param("since").map(str::to_owned)).collect()
}

#[tokio::test]
async fn an_incremental_stream_goes_on_behind_its_cursor() {
    let scene = Scene::set(5, PEOPLE).await;
    scene.sync(NOW);
    let users = scene.control().collection("users");
    assert_eq!(texts(&scene.live("people"), "email"), texts(&users, "email"));
    assert!(since(&scene).is_empty(), "there was none yet");
    let furthest = texts(&users, "id").pop().unwrap();
    scene.sync("2026-11-20T16:00:00Z");
    assert_eq!(since(&scene), [furthest.as_str()]);
    assert_eq!(scene.status_of("people")["cursor"], json!(furthest));
    // What an incremental read does not show is not gone.
    let user = users[0]["id"].as_str().unwrap().to_owned();
    scene.control().edit(Edit::RemoveUser(user));
    for hour in ["18", "20", "22"] {
        scene.sync(&format!("2026-11-20T{hour}:00:00Z"));
    }
    assert_eq!(scene.live("people").len(), users.len());
    // The cursor is in the journal, too.
    scene.workspace.delete_state();
    scene.sync("2026-11-21T10:00:00Z");
    assert_eq!(since(&scene), [furthest]);
}

/// Dies once the records are read and before they are durable: the cursor must not have moved.
async fn since_after_a_death(failpoints: &str) -> Vec<String> {
    let scene = Scene::set(5, PEOPLE).await;
    let ran = scene.at(NOW, failpoints, &["sync", "--streams", "people"]);
    assert_eq!(ran.signal, Some(9), "{}", ran.stderr);
    crate::harness::files(&scene.workspace.journal())
        .into_iter()
        .filter(|path| path.extension().is_none_or(|kind| kind != "zst"))
        .filter(|path| path.to_string_lossy().contains("open"))
        .for_each(|path| std::fs::remove_file(path).unwrap());
    scene.at("2026-11-20T16:00:00Z", "", &["sync", "--streams", "people"]).expect(0);
    since(&scene)
}

#[tokio::test]
async fn a_cursor_moves_only_with_its_records() {
    assert!(since_after_a_death("pipeline.before_cursor=return").await.is_empty());
    let early = since_after_a_death("pipeline.cursor_early=return;pipeline.before_cursor=return").await;
    assert!(!early.is_empty(), "a cursor that moves before the flush went unnoticed");
}

#[tokio::test]
async fn a_cursor_of_another_field_is_not_gone_on_with() {
    let scene = Scene::set(5, PEOPLE).await;
    scene.sync(NOW);
    let users = scene.control().collection("users");
    let config = scene.workspace.config();
    scene.workspace.write_config(&config.replace("cursor = \"id\"", "cursor = \"email\""));
    scene.sync("2026-11-20T16:00:00Z");
    assert!(since(&scene).is_empty(), "an id is no e-mail address");
    scene.sync("2026-11-20T18:00:00Z");
    assert_eq!(since(&scene), [texts(&users, "email").pop().unwrap()]);
}
