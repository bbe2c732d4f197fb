//! Single calls: deleted, moved, back again.

use chrono::{TimeDelta, Utc};
use clarion_simulator::Edit;
use serde_json::json;

use super::{Scene, deleted, id};
use crate::audit::{assert_clean, audit};
use crate::harness::Layout;

const ALL: &str = "500d";

#[tokio::test]
async fn a_deleted_call_is_marked_in_every_table_of_every_destination() {
    let scene = Scene::synced(60, ALL).await;
    let gone = scene.delete(&scene.detailed()[10..12]);
    let before = scene.marks(&gone[0]).await;
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!((deleted(&ran, "calls"), deleted(&ran, "call_details")), (2, 2));
    assert_eq!(scene.control().count_of("/call-details"), 2, "one request confirms one deletion");
    assert_clean("deleted", audit(&scene.workspace, &scene.simulator).await);
    for (place, (rows, marked)) in scene.marks(&gone[0]).await {
        assert_eq!((rows, marked), (before[&place].0, before[&place].0), "{place:?}");
    }
    scene.assert_replay_shows_the_same().await;
    scene.workspace.run(&["journal", "compact"]).expect(0);
    scene.assert_replay_shows_the_same().await;

    scene.control().reset_log();
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!((deleted(&ran, "calls"), scene.control().count_of("/call-details")), (0, 0));
}

#[tokio::test]
async fn a_destination_that_removes_deleted_rows_has_none_of_them() {
    let layout = Layout::both().await;
    if layout.warehouse.is_none() {
        return;
    }
    let scene = Scene::with(40, ALL, layout).await;
    let config = scene.workspace.config();
    scene
        .workspace
        .write_config(&config.replace("kind = \"postgres\"", "kind = \"postgres\"\ndeletes = \"remove\""));
    let gone = scene.delete(&scene.detailed()[3..4]);
    scene.sync_with("", &[]).expect(0);
    let removed = |marks: std::collections::BTreeMap<(&str, &str), (usize, usize)>| {
        marks.into_iter().filter(|(place, _)| place.0 == "warehouse").all(|(_, counts)| counts == (0, 0))
    };
    assert!(removed(scene.marks(&gone[0]).await));
    assert_clean("removed", audit(&scene.workspace, &scene.simulator).await);
    scene.workspace.run(&["replay", "--destination", "warehouse"]).expect(0);
    assert!(removed(scene.marks(&gone[0]).await), "a replay brings them back");
    assert_clean("removed and rebuilt", audit(&scene.workspace, &scene.simulator).await);
}

#[tokio::test]
async fn a_call_that_comes_back_is_there_again_with_its_details() {
    let scene = Scene::synced(60, ALL).await;
    let call = scene.detailed().swap_remove(20);
    scene.delete(std::slice::from_ref(&call));
    scene.sync_with("", &[]).expect(0);
    assert!(scene.control().edit(Edit::Add(call.clone())));
    scene.control().reset_log();
    scene.sync_with("", &[]).expect(0);
    assert_eq!(scene.control().count_of("/call-details"), 1);
    assert_clean("back again", audit(&scene.workspace, &scene.simulator).await);
    let marks = scene.marks(&id(&call)).await;
    assert!(marks.values().all(|(_, marked)| *marked == 0), "{marks:?}");
    scene.assert_replay_shows_the_same().await;
}

#[tokio::test]
async fn a_call_that_moves_out_of_the_window_is_found_and_not_deleted() {
    let scene = Scene::synced(60, "60d").await;
    let recent = scene.detailed().pop().unwrap();
    for (what, merge) in [
        ("moved", json!({ "time": (Utc::now() - TimeDelta::days(200)).to_rfc3339() })),
        ("without a time", json!({ "time": null })),
    ] {
        let back = json!({ "time": recent["time"] });
        scene.control().edit(Edit::Patch { id: id(&recent), merge });
        scene.control().reset_log();
        let ran = scene.sync_with("", &[]).expect(0);
        assert_eq!((deleted(&ran, "calls"), scene.control().count_of("/call-details")), (0, 1), "{what}");
        assert_clean(what, audit(&scene.workspace, &scene.simulator).await);
        scene.control().reset_log();
        scene.sync_with("", &[]).expect(0);
        assert_eq!(scene.control().count_of("/call-details"), 0, "{what}: settled");
        scene.control().edit(Edit::Patch { id: id(&recent), merge: back });
        scene.sync_with("", &[]).expect(0);
        assert_clean("and back", audit(&scene.workspace, &scene.simulator).await);
    }
}

/// The list hides calls that are there: the server cut it short and believes it to be whole.
async fn deleted_from_a_list_cut_short(failpoints: &str) -> u64 {
    let scene = Scene::synced(60, ALL).await;
    let hidden = scene.detailed()[5..8].to_vec();
    scene.control().before_request(move |request, control| {
        for call in &hidden {
            if request.path == "/calls" {
                control.edit(Edit::Delete(id(call)));
            } else {
                control.edit(Edit::Add(call.clone()));
            }
        }
    });
    let ran = scene.sync_with(failpoints, &[]).expect(0);
    scene.control().clear_hook();
    deleted(&ran, "calls")
}

/// A list that has lost half of the calls, and finds them again: a few requests tell that they are there.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_lost_many_calls_costs_a_few_requests() {
    let scene = Scene::synced(80, ALL).await;
    let hidden = scene.detailed()[..40].to_vec();
    scene.control().before_request(move |request, control| {
        for call in &hidden {
            if request.path == "/calls" {
                control.edit(Edit::Delete(id(call)));
            } else {
                control.edit(Edit::Add(call.clone()));
            }
        }
    });
    let ran = scene.sync_with("", &["--accept-deletes"]).expect(0);
    let asked = scene.control().count_of("/call-details");
    assert!((10..=20).contains(&asked), "{asked} requests");
    assert_eq!(deleted(&ran, "calls"), 0);
    assert!(scene.workspace.run(&["status"]).expect(0).number("/suspects") >= 20);

    scene.control().clear_hook();
    scene.control().reset_log();
    scene.sync_with("", &[]).expect(0);
    assert_eq!(scene.control().count_of("/call-details"), 0, "what is listed again is no suspect");
    assert_eq!(scene.workspace.run(&["status"]).expect(0).number("/suspects"), 0);
    assert_clean("found again", audit(&scene.workspace, &scene.simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_cut_short_deletes_nothing() {
    assert_eq!(deleted_from_a_list_cut_short("").await, 0);
    let unconfirmed = deleted_from_a_list_cut_short("pipeline.delete_unconfirmed=return").await;
    assert_eq!(unconfirmed, 3, "deletions that nothing confirmed went unnoticed");
}

/// A list that cannot prove itself, of a vendor that has lost calls.
async fn deleted_from_a_hole(failpoints: &str) -> u64 {
    let scene = Scene::synced(60, ALL).await;
    let every_other: Vec<_> = scene.detailed().into_iter().step_by(2).collect();
    scene.delete(&every_other);
    let quirks = clarion_simulator::Quirks { matched_delta: 4, ..Default::default() };
    scene.control().set_quirks(quirks);
    let ran = scene.sync_with(failpoints, &["--accept-deletes"]).expect(4);
    deleted(&ran, "calls")
}

#[tokio::test]
async fn a_hole_deletes_nothing() {
    assert_eq!(deleted_from_a_hole("").await, 0);
    let deleted = deleted_from_a_hole("pipeline.hole_is_proof=return").await;
    assert!(deleted > 3, "deletions from a list without proof went unnoticed");
}

#[tokio::test]
async fn a_failing_vendor_deletes_nothing() {
    let scene = Scene::synced(60, ALL).await;
    let gone = scene.delete(&scene.detailed()[5..7]);
    for (status, code) in [(500, 4), (403, 5)] {
        scene.control().fail_details(gone.clone(), status, 100);
        let ran = scene.sync_with("", &[]).expect(code);
        assert_eq!(deleted(&ran, "calls"), 0, "{status}");
    }
    scene.control().fail_details(gone, 500, 0);
}

/// A 404 alone deletes nothing: the list must agree.
#[tokio::test]
async fn a_listed_call_that_answers_404_is_noted_and_kept() {
    let scene = Scene::synced(60, ALL).await;
    let call = scene.detailed().swap_remove(7);
    scene.control().fail_details([id(&call)], 404, 100);
    scene.control().edit(Edit::Patch { id: id(&call), merge: json!({ "title": "changed" }) });
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!(deleted(&ran, "calls"), 0);
    assert!(ran.json["warnings"].to_string().contains("404"), "{}", ran.json["warnings"]);
    scene.delete(&[call]);
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!((deleted(&ran, "calls"), deleted(&ran, "call_details")), (1, 1));
    assert_clean("now the list agrees", audit(&scene.workspace, &scene.simulator).await);
}

#[tokio::test]
async fn a_deletion_in_old_history_is_found_by_the_next_generation() {
    for (what, days, arguments) in [("asked for", 0, &["--full"][..]), ("scheduled", 31, &[])] {
        let scene = Scene::synced(60, "14d").await;
        scene.delete(&scene.detailed()[..2]);
        let ran = scene.sync_with("", &[]).expect(0);
        assert_eq!(deleted(&ran, "calls"), 0, "{what}: not within the window");
        let now = (Utc::now() + TimeDelta::days(days)).to_rfc3339();
        let arguments: Vec<&str> = ["sync"].iter().chain(arguments).copied().collect();
        let ran = scene.workspace.run_with_env(&[("CLARION_TEST_NOW", &now)], &arguments).expect(0);
        assert_eq!(deleted(&ran, "calls"), 2, "{what}");
        assert_clean(what, audit(&scene.workspace, &scene.simulator).await);
    }
}

/// A call that became private is absent where private calls are not asked for: it is marked private, and kept.
#[tokio::test]
async fn a_call_that_becomes_private_unseen_is_marked_private() {
    let layout = Layout { source: "include_private = false".to_owned(), ..Layout::both().await };
    let scene = Scene::with(60, ALL, layout).await;
    let call = scene.detailed().swap_remove(9);
    scene.control().edit(Edit::SetPrivate { id: id(&call), private: true });
    scene.control().edit(Edit::Patch { id: id(&call), merge: json!({ "title": "for few eyes" }) });
    let ran = scene.sync_with("", &[]).expect(0);
    assert_eq!(deleted(&ran, "calls"), 0);
    for (destination, tables) in scene.tables().await {
        for table in ["calls", "call_details"] {
            let row = tables[table].iter().find(|row| row["id"] == call["id"]).unwrap();
            assert_eq!(row["is_private"], true, "{destination}: {table}");
            assert_eq!(row["title"], call["title"], "{destination}: {table}: the private title came in");
        }
    }
    scene.control().reset_log();
    scene.sync_with("", &[]).expect(0);
    assert_eq!(scene.control().count_of("/call-details"), 0, "settled");
}
