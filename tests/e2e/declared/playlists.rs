//! Playlists and the calls in them: a list for each parent.

use clarion_simulator::Edit;
use serde_json::{Value, json};

use super::{NOW, Scene, asked, texts};
use crate::harness::Layout;

fn put(record: Value) -> Edit {
    Edit::PutRecord { collection: "playlists".to_owned(), record }
}

fn in_playlist(scene: &Scene, playlist: &Value) -> Vec<String> {
    let mut rows = scene.live("playlist_calls");
    rows.retain(|row| row["playlist_id"] == playlist["id"]);
    texts(&rows, "id")
}

#[tokio::test]
async fn calls_enter_and_leave_a_playlist_and_go_with_it() {
    let scene = Scene::set(30, "").await;
    scene.sync(NOW);
    let mut playlist = scene.control().collection("playlists")[0].clone();
    let mut calls = playlist["call_ids"].as_array().unwrap().clone();
    assert_eq!(in_playlist(&scene, &playlist).len(), calls.len());
    let lists = scene.control().collection("playlists").len() as u64;
    let lists_asked = |scene: &Scene| -> u64 {
        asked(&scene.control())
            .iter()
            .filter(|(path, _)| path.starts_with("/playlists/"))
            .map(|(_, n)| n)
            .sum()
    };
    assert_eq!(lists_asked(&scene), lists);

    // One leaves, one enters.
    let left = calls.remove(0);
    let ids = scene.control().call_ids();
    let new = ids.iter().find(|id| **id != left && !calls.contains(&json!(id))).unwrap();
    calls.push(json!(new));
    playlist["call_ids"] = json!(calls);
    scene.control().edit(put(playlist.clone()));
    scene.sync("2026-11-21T10:00:00Z");
    assert!(in_playlist(&scene, &playlist).contains(new));
    assert!(
        in_playlist(&scene, &playlist).contains(&left.as_str().unwrap().to_owned()),
        "one list proves nothing"
    );
    scene.sync("2026-11-22T10:00:00Z");
    assert!(!in_playlist(&scene, &playlist).contains(&left.as_str().unwrap().to_owned()));

    // The playlist goes, and its calls with it.
    let id = playlist["id"].as_str().unwrap().to_owned();
    scene.control().edit(Edit::RemoveRecord { collection: "playlists".to_owned(), id: id.clone() });
    scene.at("2026-11-23T10:00:00Z", "", &["sync", "--accept-deletes"]).expect(0);
    let ran = scene.at("2026-11-24T10:00:00Z", "", &["sync", "--accept-deletes"]).expect(0);
    assert_eq!(ran.number("/streams/playlists/deleted"), 1);
    assert!(in_playlist(&scene, &playlist).is_empty());
    assert!(!texts(&scene.live("playlists"), "id").contains(&id));
    assert!(!asked(&scene.control()).contains_key(&format!("/playlists/{id}/calls")), "it is gone");
    assert_eq!(lists_asked(&scene), lists - 1);
    assert_eq!(scene.workspace.run(&["verify"]).expect(0).json["agrees"], true);
}

#[tokio::test]
async fn nothing_new_writes_nothing() {
    let scene = Scene::set(20, "").await;
    scene.sync(NOW);
    let ran = scene.sync("2026-11-21T10:00:00Z");
    for stream in ["playlists", "playlist_calls", "scorecards", "teams", "topics", "topics_v2", "accounts"] {
        let counts = &ran.json["streams"][stream];
        assert_ne!(counts["fetched"], json!(0), "{stream} was not read");
        assert_eq!((&counts["new"], &counts["changed"]), (&json!(0), &json!(0)), "{stream}");
    }
}

/// Private calls that a playlist lists, and those of them that a workspace shows which asked for none.
async fn private_calls(failpoints: &str) -> (usize, usize) {
    let layout = Layout { source: "include_private = false".to_owned(), ..Layout::default() };
    let scene = Scene::with(30, "", layout).await;
    let mut playlist = scene.control().collection("playlists")[0].clone();
    playlist["call_ids"] = json!(scene.control().call_ids());
    scene.control().edit(put(playlist.clone()));
    scene.at(NOW, failpoints, &["sync"]).expect(0);
    let private = scene.control().private_ids();
    let shown = in_playlist(&scene, &playlist);
    assert!(shown.iter().any(|id| !private.contains(id)), "the public ones are there");
    (private.len(), shown.iter().filter(|id| private.contains(*id)).count())
}

#[tokio::test]
async fn a_playlist_shows_no_private_call_to_whoever_asked_for_none() {
    let (private, shown) = private_calls("").await;
    assert!(private > 0 && shown == 0, "{shown} of {private} private calls");
    let (_, shown) = private_calls("pipeline.private_in_lists=return").await;
    assert!(shown > 0, "the defect had no effect");
}
