//! Compaction: what no destination asks for again is dropped, and nobody can tell from the tables.

use chrono::{TimeDelta, Utc};
use clarion_simulator::Edit;
use serde_json::json;

use crate::audit::{assert_clean, audit};
use crate::crash::kill::{Death, Scene};
use crate::harness::{Database, Tables, Workspace, lake_tables, snapshot, warehouse_tables, without};

const CALLS: usize = 16;

/// Four syncs: most calls are there in three versions, some of them under another time, and one was deleted.
async fn history() -> Scene {
    let scene = Scene::set(CALLS).await;
    scene.workspace.sync();
    for round in 0..2 {
        edit(&scene, round);
        scene.workspace.sync();
    }
    let deleted = scene.control().call_ids().remove(2);
    scene.control().edit(Edit::Delete(deleted));
    scene.workspace.sync();
    scene
}

fn edit(scene: &Scene, round: i64) {
    let control = scene.control();
    // Some stay as they are: their versions are kept among those that go.
    for (number, id) in control.call_ids().into_iter().enumerate().filter(|(number, _)| number % 4 != 3) {
        let merge = json!({"title": format!("round {round}")});
        control.edit(Edit::Patch { id: id.clone(), merge });
        if number % 5 == 0 {
            let time = Utc::now() - TimeDelta::days(40 * (round + 1));
            control.edit(Edit::Reschedule { id, time });
        }
    }
}

/// All that a destination holds, but for the time of its load.
async fn content(workspace: &Workspace, destination: &str) -> Tables {
    let tables = match (destination, workspace.warehouse()) {
        ("warehouse", Some(database)) => warehouse_tables(database).await,
        _ => lake_tables(&workspace.lake()),
    };
    assert!(tables["calls"].len() >= CALLS, "{destination} is not loaded");
    without(&tables, "_loaded_at")
}

/// Whether every destination, rebuilt, is what it was before.
async fn replays_equal(scene: &Scene) -> bool {
    for destination in scene.workspace.destinations() {
        let before = content(&scene.workspace, destination).await;
        let ran = scene.workspace.run(&["replay", "--destination", destination]);
        if ran.code != 0 || content(&scene.workspace, destination).await != before {
            return false;
        }
    }
    true
}

/// What state store and journal say of the journal's size.
#[track_caller]
fn assert_agreed(workspace: &Workspace, what: &str) {
    let status = workspace.run(&["status"]).expect(0);
    let show = workspace.run(&["journal", "show"]).expect(0);
    for number in ["segments", "stored_bytes", "raw_bytes"] {
        let (known, found) =
            (status.number(&format!("/journal/{number}")), show.number(&format!("/totals/{number}")));
        assert_eq!(known, found, "{what}: {number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compaction_drops_old_versions_and_nobody_can_tell() {
    let scene = history().await;
    let workspace = &scene.workspace;
    scene.control().reset_log();
    let before = workspace.run(&["journal", "show"]).expect(0);
    let done = workspace.run(&["journal", "compact"]).expect(0);
    let dropped = done.number("/dropped_records");
    assert!(dropped >= 2 * CALLS as u64, "{dropped} records dropped");
    let after = workspace.run(&["journal", "show"]).expect(0);
    assert_eq!(after.number("/totals/dropped"), dropped);
    assert_eq!(after.number("/totals/records"), before.number("/totals/records") - dropped);
    for stream in ["calls", "call_details", "users"] {
        let keys = after.number(&format!("/streams/{stream}/keys"));
        assert_eq!(keys, before.number(&format!("/streams/{stream}/keys")), "keys of {stream}");
        let tombstones = after.number(&format!("/streams/{stream}/tombstones"));
        assert_eq!(tombstones > 0, stream != "users", "tombstones of {stream}");
        let records = after.number(&format!("/streams/{stream}/records"));
        assert_eq!(records, keys + tombstones, "one version each of {stream}");
    }
    assert_eq!(done.number("/bytes_before"), before.number("/totals/stored_bytes"));
    assert_eq!(done.number("/bytes_after"), after.number("/totals/stored_bytes"));
    assert!(done.number("/bytes_after") < done.number("/bytes_before"));
    assert_agreed(workspace, "after a compaction");

    let journal = snapshot(&workspace.journal());
    assert_eq!(workspace.run(&["journal", "compact"]).expect(0).number("/rewritten_segments"), 0);
    assert!(snapshot(&workspace.journal()) == journal, "a second one has nothing to do");
    assert!(replays_equal(&scene).await, "a rebuilt destination has the rows of before");
    assert_eq!(scene.control().count(), 0, "no request was made");
    edit(&scene, 7);
    workspace.sync();
    assert_clean("after the next sync", audit(workspace, &scene.simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_added_after_a_compaction_is_complete() {
    let scene = history().await;
    let workspace = &scene.workspace;
    workspace.run(&["journal", "compact"]).expect(0);
    scene.control().reset_log();
    let mut more =
        "\n[[destinations]]\nname = \"later\"\nkind = \"parquet\"\nurl = \"file://data/later\"\n".to_owned();
    let database = Database::fresh().await;
    if let Some(database) = &database {
        let url = database.url();
        more += &format!("[[destinations]]\nname = \"latest\"\nkind = \"postgres\"\nurl = \"{url}\"\n");
    }
    workspace.write_config(&(workspace.config() + &more));
    workspace.run(&["load"]).expect(0);
    let lake = without(&lake_tables(&workspace.lake()), "_loaded_at");
    let later = without(&lake_tables(&workspace.path().join("data/later")), "_loaded_at");
    assert!(later == lake, "the lake that came later has other rows");
    if let (Some(database), Some(warehouse)) = (&database, workspace.warehouse()) {
        let latest = without(&warehouse_tables(database).await, "_loaded_at");
        let warehouse = without(&warehouse_tables(warehouse).await, "_loaded_at");
        assert!(latest == warehouse, "the warehouse that came later has other rows");
    }
    assert_eq!(scene.control().count(), 0, "no request was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn segments_that_a_destination_has_not_read_are_left_alone() {
    let scene = history().await;
    let workspace = &scene.workspace;
    let read = workspace.run(&["journal", "show"]).expect(0).number("/totals/segments");
    edit(&scene, 8);
    edit(&scene, 9);
    scene.killed(&Death("parquet.staged", 0).spelled(), &["sync"]);
    let show = workspace.run(&["journal", "show"]).expect(0);
    assert!(show.number("/totals/segments") > read, "the sync wrote a segment before it was killed");
    assert!(show.number("/destinations/0/segments_behind") > 0);
    let done = workspace.run(&["journal", "compact"]).expect(0);
    assert_eq!(done.number("/up_to"), read);
    let show = workspace.run(&["journal", "show"]).expect(0);
    for segment in show.json["segments"].as_array().unwrap() {
        let (number, dropped) = (segment["number"].as_u64().unwrap(), segment["dropped"].as_u64().unwrap());
        assert!(number <= read || dropped == 0, "segment {number}");
    }
    workspace.run(&["load"]).expect(0);
    assert_clean("after the load", audit(workspace, &scene.simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_state_store_is_rebuilt_from_a_compacted_journal_without_a_request() {
    let scene = history().await;
    let workspace = &scene.workspace;
    workspace.run(&["journal", "compact"]).expect(0);
    let rows = |workspace: &Workspace| {
        let status = workspace.run(&["status"]).expect(0).json;
        let streams = status["streams"].as_array().unwrap().iter();
        streams.map(|stream| stream["rows"].clone()).collect::<Vec<_>>()
    };
    let before = rows(workspace);
    scene.control().reset_log();
    workspace.delete_state();
    workspace.run(&["load"]).expect(0);
    assert_eq!(scene.control().count(), 0);
    assert_eq!(rows(workspace), before);
    let journal = snapshot(&workspace.journal());
    workspace.sync();
    assert!(snapshot(&workspace.journal()) == journal, "nothing was new");
    assert_clean("after the next sync", audit(workspace, &scene.simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_compaction_is_recognised_by_the_next_start_and_finished_by_the_next_one() {
    let deaths = [
        Death("journal.rewriting", 0),
        Death("journal.rewritten", 0),
        Death("pipeline.rewritten", 0),
        Death("journal.rewritten", 1),
        Death("state.committed", 1),
        Death("state.writing", 2),
        Death("state.committed", 2),
    ];
    for death in deaths {
        let scene = history().await;
        let what = format!("killed at {}", death.spelled());
        scene.killed(&death.spelled(), &["journal", "compact"]);
        scene.workspace.run(&["load"]).expect(0);
        assert_agreed(&scene.workspace, &what);
        scene.workspace.run(&["journal", "compact"]).expect(0);
        let again = scene.workspace.run(&["journal", "compact"]).expect(0);
        assert_eq!(again.number("/rewritten_segments"), 0, "{what}");
        assert_agreed(&scene.workspace, &what);
        assert!(replays_equal(&scene).await, "{what}");
        assert_clean(&what, audit(&scene.workspace, &scene.simulator).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_defects_of_compaction_are_found_out() {
    for defect in ["journal.lines_move_up", "pipeline.compact_keeps_the_first"] {
        let scene = history().await;
        let planted = format!("{defect}=return");
        scene.workspace.run_with_env(&[("FAILPOINTS", &planted)], &["journal", "compact"]).expect(0);
        assert!(!replays_equal(&scene).await, "{defect} went unnoticed");
    }
    let scene = history().await;
    scene.killed(&Death("journal.rewritten", 0).spelled(), &["journal", "compact"]);
    let forgets = [("FAILPOINTS", "pipeline.forget_rewrites=return")];
    let ran = scene.workspace.run_with_env(&forgets, &["load"]).expect(1);
    assert!(ran.stderr.contains("was altered"), "{}", ran.stderr);
}
