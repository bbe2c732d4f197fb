//! A purged call does not come back by way of what names it.

use serde_json::{Value, json};

use super::{NOW, Scene, texts};
use crate::harness::files;

/// What must hold once a call is purged, in the lake and in all that says anything of it.
fn assert_gone(scene: &Scene, playlist: &Value, call: &str) {
    for file in files(&scene.workspace.lake()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes.windows(call.len()).any(|part| part == call.as_bytes());
        assert!(!found, "{} names the call", file.display());
    }
    let control = scene.control();
    assert_eq!(texts(&scene.live("playlists"), "id"), texts(&control.collection("playlists"), "id"));
    let rows = scene.live("playlists");
    let row = rows.iter().find(|row| row["id"] == playlist["id"]).unwrap();
    let calls = row["call_ids"].as_array().cloned().unwrap_or_default();
    assert_eq!(calls.len(), playlist["call_ids"].as_array().unwrap().len() - 1);
    assert!(!calls.contains(&json!(call)));
    assert!(scene.live("playlist_calls").iter().all(|row| row["id"] != json!(call)));
    assert!(scene.live("scorecards").iter().all(|row| row["call_id"] != json!(call)));
}

/// A playlist, and a call in it.
fn chosen(scene: &Scene) -> (Value, String) {
    let playlist = scene.control().collection("playlists")[0].clone();
    let call = playlist["call_ids"][0].as_str().unwrap().to_owned();
    (playlist, call)
}

#[tokio::test]
async fn playlists_stay_without_the_purged_call_and_nothing_brings_it_back() {
    let scene = Scene::set(20, "").await;
    scene.sync(NOW);
    let (playlist, call) = chosen(&scene);
    scene.at(NOW, "", &["purge", "--call", &call]).expect(0);
    assert_gone(&scene, &playlist, &call);
    let ran = scene.sync("2026-11-22T10:00:00Z");
    assert_eq!(ran.number("/streams/playlists/changed"), 0, "what is left out is not new");
    assert_gone(&scene, &playlist, &call);
    assert_eq!(scene.workspace.run(&["verify"]).expect(0).json["agrees"], true);
    // Once more changes nothing.
    scene.at(NOW, "", &["purge", "--call", &call]).expect(0);
    assert_gone(&scene, &playlist, &call);
    scene.workspace.run(&["replay", "--destination", "lake"]).expect(0);
    assert_gone(&scene, &playlist, &call);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_is_killed_loses_no_playlist() {
    for point in [
        "pipeline.purge_marked",
        "pipeline.purge_kept",
        "pipeline.purged_destination",
        "pipeline.rewritten",
        "pipeline.purged_journal",
    ] {
        let scene = Scene::set(12, "").await;
        scene.sync(NOW);
        let (playlist, call) = chosen(&scene);
        let ran = scene.at(NOW, &format!("{point}=return"), &["purge", "--call", &call]);
        assert_eq!(ran.signal, Some(9), "{point} did not kill it: {}", ran.stderr);
        // What runs in between may load what the killed purge left.
        scene.sync("2026-11-20T10:05:00Z");
        scene.at("2026-11-20T10:10:00Z", "", &["purge", "--call", &call]).expect(0);
        assert_gone(&scene, &playlist, &call);
    }
}
