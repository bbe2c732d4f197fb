//! A purged call does not come back by way of what names it.

use serde_json::json;

use super::{NOW, Scene, texts};
use crate::harness::files;

#[tokio::test]
async fn playlists_stay_without_the_purged_call_and_nothing_brings_it_back() {
    let scene = Scene::set(20, "").await;
    scene.sync(NOW);
    let playlist = scene.control().collection("playlists")[0].clone();
    let call = playlist["call_ids"][0].as_str().unwrap().to_owned();
    scene.at(NOW, "", &["purge", "--call", &call]).expect(0);
    let check = |scene: &Scene| {
        for file in files(&scene.workspace.lake()) {
            let bytes = std::fs::read(&file).unwrap();
            let found = bytes.windows(call.len()).any(|part| part == call.as_bytes());
            assert!(!found, "{} names the call", file.display());
        }
        assert_eq!(
            texts(&scene.live("playlists"), "id"),
            texts(&scene.control().collection("playlists"), "id")
        );
        let rows = scene.live("playlists");
        let row = rows.iter().find(|row| row["id"] == playlist["id"]).unwrap();
        let calls = row["call_ids"].as_array().cloned().unwrap_or_default();
        assert_eq!(calls.len(), playlist["call_ids"].as_array().unwrap().len() - 1);
        assert!(!calls.contains(&json!(call)));
        assert!(scene.live("playlist_calls").iter().all(|row| row["id"] != json!(call)));
        assert!(scene.live("scorecards").iter().all(|row| row["call_id"] != json!(call)));
    };
    check(&scene);
    let ran = scene.sync("2026-11-22T10:00:00Z");
    assert_eq!(ran.number("/streams/playlists/changed"), 0, "what is left out is not new");
    check(&scene);
    assert_eq!(scene.workspace.run(&["verify"]).expect(0).json["agrees"], true);
    // Once more changes nothing.
    scene.at(NOW, "", &["purge", "--call", &call]).expect(0);
    check(&scene);
    scene.workspace.run(&["replay", "--destination", "lake"]).expect(0);
    check(&scene);
}
