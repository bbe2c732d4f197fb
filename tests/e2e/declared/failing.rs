//! Lists and ids that cannot be read stand in nobody's way, and nothing is concluded from them.

use std::collections::BTreeSet;

use clarion_simulator::Edit;
use serde_json::{Value, json};

use super::{NOW, Scene, texts};

fn put(playlist: &Value) -> Edit {
    Edit::PutRecord { collection: "playlists".to_owned(), record: playlist.clone() }
}

fn path(playlist: &Value) -> String {
    format!("/playlists/{}/calls", playlist["id"].as_str().unwrap())
}

fn in_playlist(scene: &Scene, playlist: &Value) -> Vec<String> {
    let mut rows = scene.live("playlist_calls");
    rows.retain(|row| row["playlist_id"] == playlist["id"]);
    texts(&rows, "id")
}

fn lists_asked(scene: &Scene) -> Vec<String> {
    let requests = scene.control().requests().into_iter().map(|request| request.path);
    requests.filter(|path| path.starts_with("/playlists/")).collect()
}

/// Of two playlists one answers `status` from the second sync on; the other one loses a call.
async fn one_of_two_fails(status: u16, code: i32) {
    let scene = Scene::set(30, "").await;
    scene.sync(NOW);
    let playlists = scene.control().collection("playlists");
    let (bad, mut good) = (playlists[0].clone(), playlists[1].clone());
    let before = in_playlist(&scene, &bad);
    assert!(!before.is_empty());
    scene.control().set_faults(&format!("{status}@{}", path(&bad))).unwrap();
    let left = good["call_ids"].as_array_mut().unwrap().remove(0);
    let mut playlist = bad.clone();
    playlist["call_ids"] = json!([]);
    scene.control().edit(put(&playlist));
    scene.control().edit(put(&good));
    for day in ["21", "22", "23"] {
        let ran = scene.at(&format!("2026-11-{day}T10:00:00Z"), "", &["sync", "--accept-deletes"]);
        assert_eq!(ran.code, code, "{}{}", ran.stdout, ran.stderr);
        assert_eq!(lists_asked(&scene).len(), playlists.len(), "each list has its turn");
    }
    assert!(
        !in_playlist(&scene, &good).contains(&left.as_str().unwrap().to_owned()),
        "two passes did not show it"
    );
    assert_eq!(in_playlist(&scene, &bad), before, "nobody knows what is in it");

    // Between two passes it alone is tried again, once it has rested.
    scene.at("2026-11-23T10:05:00Z", "", &["sync"]).expect(0);
    assert!(lists_asked(&scene).is_empty());
    scene.control().set_faults("").unwrap();
    scene.at("2026-11-23T18:00:00Z", "", &["sync"]).expect(0);
    assert_eq!(lists_asked(&scene), [path(&bad)]);
    scene.at("2026-11-23T19:00:00Z", "", &["sync"]).expect(0);
    assert!(lists_asked(&scene).is_empty());
}

#[tokio::test]
async fn a_list_that_is_refused_keeps_no_other_from_being_read_and_judged() {
    one_of_two_fails(400, 4).await;
}

#[tokio::test]
async fn a_list_that_may_not_be_read_is_not_empty() {
    one_of_two_fails(403, 0).await;
}

#[tokio::test]
async fn an_outage_among_the_lists_ends_them_and_they_have_their_turn_after_the_calls() {
    let scene = Scene::set(10, "").await;
    let first = scene.control().collection("playlists")[0].clone();
    for number in 0..25 {
        let mut playlist = first.clone();
        playlist["id"] = json!(format!("more-{number}"));
        scene.control().edit(put(&playlist));
    }
    let all: Vec<String> = scene.control().collection("playlists").iter().map(path).collect();
    let faults: Vec<String> = all.iter().map(|path| format!("418@{path}")).collect();
    scene.control().set_faults(&faults.join(",")).unwrap();
    let ran = scene.at(NOW, "", &["sync"]).expect(1);
    assert!(ran.json["errors"][0].as_str().unwrap().contains("418"), "{}", ran.json["errors"]);
    let failed = lists_asked(&scene);
    assert_eq!(failed.len(), 10);
    assert!(!scene.live("calls").is_empty() && !scene.live("call_details").is_empty());
    let order: Vec<String> = scene.control().requests().into_iter().map(|request| request.path).collect();
    let place = |wanted: &str| order.iter().position(|path| path.starts_with(wanted)).unwrap();
    assert!(place("/calls") < place("/playlists/"));

    // The vendor is there again: those that failed rest, and come last.
    scene.control().set_faults("").unwrap();
    scene.sync("2026-11-20T10:05:00Z");
    let second = lists_asked(&scene);
    assert_eq!(second.len(), all.len() - 10);
    assert!(second.iter().all(|path| !failed.contains(path)));
    scene.sync("2026-11-20T11:00:00Z");
    assert_eq!(BTreeSet::from_iter(lists_asked(&scene)), BTreeSet::from_iter(failed));
}

fn ids(scene: &Scene) -> BTreeSet<String> {
    let requests = scene.control().requests().into_iter().filter(|request| request.path == "/get-contact");
    requests.map(|request| request.param("id").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn ids_that_fail_rest_while_the_others_are_asked_for() {
    let scene = Scene::set(200, "").await;
    scene.control().set_faults("418@/get-contact").unwrap();
    scene.at(NOW, "", &["sync"]).expect(1);
    let failed = ids(&scene);
    assert!(failed.len() >= 10, "{failed:?}");
    scene.control().set_faults("").unwrap();
    scene.sync("2026-11-20T10:05:00Z");
    let others = ids(&scene);
    assert!(!others.is_empty() && others.is_disjoint(&failed), "{} of {failed:?}", others.len());
    scene.sync("2026-11-20T11:00:00Z");
    assert_eq!(ids(&scene), failed);
}

#[tokio::test]
async fn who_names_a_stream_of_ids_pays_for_none_again() {
    let scene = Scene::set(20, "").await;
    scene.sync(NOW);
    for _ in 0..2 {
        scene.at("2026-11-20T16:00:00Z", "", &["sync", "--streams", "crm_contacts"]).expect(0);
        assert!(ids(&scene).is_empty());
    }
}

#[tokio::test]
async fn ids_of_an_endpoint_that_is_not_there_are_asked_for_on_schedule() {
    let scene = Scene::set(20, "[streams.crm_contacts]\nin_contract = false\nevery = \"1d\"\n").await;
    scene.control().set_faults("403@/get-contact").unwrap();
    scene.sync(NOW);
    assert!(!ids(&scene).is_empty());
    scene.sync("2026-11-20T16:00:00Z");
    assert!(ids(&scene).is_empty());
    scene.control().set_faults("").unwrap();
    scene.sync("2026-11-21T10:00:00Z");
    assert!(!ids(&scene).is_empty() && !scene.live("crm_contacts").is_empty());
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_ends_no_comparison_of_others() {
    let scene = Scene::set(15, "").await;
    scene.sync(NOW);
    let checked = |faults: &str, code: i32| {
        scene.control().set_faults(faults).unwrap();
        let ran = scene.at(NOW, "", &["verify"]).expect(code);
        let of = |what: &str| {
            let checks = ran.json["checks"].as_array().unwrap().iter();
            checks.clone().find(|check| check["place"] == "source" && check["what"] == what).cloned()
        };
        (of("accounts").unwrap(), of("opportunities").unwrap())
    };
    let (accounts, opportunities) = checked("", 0);
    assert!(accounts["compared"].as_u64().unwrap() > 0 && accounts["notes"].is_null());
    // Outside the contract it is a note, within it an error: the rest is compared all the same.
    let (accounts, after) = checked("418@/accounts", 0);
    assert!(accounts["notes"][0].as_str().unwrap().contains("418"), "{accounts}");
    assert_eq!(after, opportunities);
    let (_, after) = checked("418@/scorecard", 1);
    assert_eq!(after, opportunities);
}
