//! Rebuilding from the journal with the network off: destinations, state store, and both.

use std::fs;

use chrono::{TimeDelta, Utc};
use clarion_simulator::{Control, Edit, Simulator};
use serde_json::{Value, json};

use crate::harness::{
    DECLARED, Database, Layout, Tables, Workspace, assert_truth, copy_folder, lake_tables, simulate, small,
    snapshot, warehouse_tables, without,
};

/// Two syncs, so that the journal holds several versions of some calls, a new field and a change of type.
async fn history() -> (Simulator, Workspace) {
    let simulator = simulate(small(80)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    edit(&simulator.control());
    workspace.sync();
    (simulator, workspace)
}

fn edit(control: &Control) {
    for call in control.truth().iter().take(10) {
        let id = call["id"].as_str().unwrap().to_owned();
        let merge = json!({"title": "second version", "transcript": []});
        control.edit(Edit::Patch { id: id.clone(), merge });
        control.edit(Edit::SetStatus { id, status: "PROCESSED".to_owned(), at: Utc::now() });
    }
    // Recent enough to be listed again.
    let time = Utc::now() - TimeDelta::days(2);
    for (call, private) in control.call_ids().iter().skip(20).zip([true, true, false, false]) {
        control.edit(Edit::Reschedule { id: call.clone(), time });
        control.edit(Edit::SetPrivate { id: call.clone(), private });
    }
    control.edit(Edit::AddField { name: "host_mood".to_owned(), value: json!("calm") });
    control.edit(Edit::ChangeType { field: "metrics/call_duration".to_owned() });
}

/// All that a destination holds, but for the time of its load.
async fn content(workspace: &Workspace, destination: &str) -> Tables {
    let tables = match (destination, workspace.warehouse()) {
        ("warehouse", Some(database)) => warehouse_tables(database).await,
        _ => lake_tables(&workspace.lake()),
    };
    assert!(tables["calls"].len() >= 80, "{destination} is not loaded");
    without(&tables, "_loaded_at")
}

/// Names the first row that differs: whole tables would fill the screen.
#[track_caller]
fn assert_same(what: &str, before: &Tables, after: &Tables) {
    assert!(before.keys().eq(after.keys()), "{what}: {:?}, {:?}", before.keys(), after.keys());
    for (table, rows) in before {
        let other = &after[table];
        assert_eq!(rows.len(), other.len(), "{what}: rows of {table}");
        for (row, other) in rows.iter().zip(other) {
            assert_eq!(row, other, "{what}: {table}");
        }
    }
}

#[tokio::test]
async fn replay_rebuilds_each_destination_to_equality() {
    let (simulator, workspace) = history().await;
    simulator.stop().await;
    for destination in workspace.destinations() {
        let before = content(&workspace, destination).await;
        let ran = workspace.run(&["replay", "--destination", destination]).expect(0);
        assert_eq!(ran.json["errors"], json!([]));
        assert_same(destination, &before, &content(&workspace, destination).await);
        // Again, over what a replay wrote.
        workspace.run(&["replay", "--destination", destination]).expect(0);
        assert_same(destination, &before, &content(&workspace, destination).await);
    }
}

#[tokio::test]
async fn a_destination_that_was_wiped_is_loaded_again_without_a_request() {
    let (simulator, workspace) = history().await;
    simulator.stop().await;
    let lake = content(&workspace, "lake").await;
    fs::remove_dir_all(workspace.lake()).unwrap();
    workspace.run(&["load"]).expect(0);
    assert_same("lake", &lake, &content(&workspace, "lake").await);
    if let Some(database) = workspace.warehouse() {
        let warehouse = content(&workspace, "warehouse").await;
        database.run("DROP SCHEMA clari CASCADE").await;
        workspace.run(&["load", "--destination", "warehouse"]).expect(0);
        assert_same("warehouse", &warehouse, &content(&workspace, "warehouse").await);
    }
}

/// A copy of the warehouse as it is, as a dump would keep it.
const KEEP: &str = "CREATE SCHEMA kept; DO $$ DECLARE t text; BEGIN \
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'clari' LOOP \
    EXECUTE format('CREATE TABLE kept.%I (LIKE clari.%I INCLUDING ALL)', t, t); \
    EXECUTE format('INSERT INTO kept.%I SELECT * FROM clari.%I', t, t); END LOOP; END $$";
const RESTORE: &str = "DROP SCHEMA clari CASCADE; ALTER SCHEMA kept RENAME TO clari";

/// Its position comes back with its data, so that it is behind, and nothing worse.
#[tokio::test]
async fn a_destination_restored_from_an_old_copy_is_loaded_again_without_a_request() {
    let simulator = simulate(small(80)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    let copy = tempfile::tempdir().unwrap();
    copy_folder(&workspace.lake(), copy.path());
    if let Some(database) = workspace.warehouse() {
        database.run(KEEP).await;
    }
    edit(&simulator.control());
    workspace.sync();
    simulator.stop().await;
    for destination in workspace.destinations() {
        let newest = content(&workspace, destination).await;
        assert_eq!(lag(&workspace, destination), 0);
        match (destination, workspace.warehouse()) {
            ("warehouse", Some(database)) => database.run(RESTORE).await,
            _ => {
                fs::remove_dir_all(workspace.lake()).unwrap();
                copy_folder(copy.path(), &workspace.lake());
            }
        }
        assert!(lag(&workspace, destination) > 0, "{destination}: nobody sees that it is an old copy");
        let old = content(&workspace, destination).await;
        assert!(old["calls"] != newest["calls"], "{destination}: the copy is not old");
        workspace.run(&["load"]).expect(0);
        assert_same(destination, &newest, &content(&workspace, destination).await);
        assert_eq!(lag(&workspace, destination), 0);
    }
}

/// Journal records that a destination has not loaded, by `status`.
fn lag(workspace: &Workspace, destination: &str) -> u64 {
    let status = workspace.run(&["status"]).expect(0).json;
    let mut all = status["destinations"].as_array().unwrap().iter();
    let one = all.find(|one| one["name"] == destination).expect("it is configured");
    one["lag_records"].as_u64().unwrap_or_else(|| panic!("{one}"))
}

#[tokio::test]
async fn a_destination_that_is_added_later_is_complete_without_a_request() {
    let Some(database) = Database::fresh().await else { return };
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    workspace.sync();
    let requests = control.count();
    let more = format!(
        "\n[[destinations]]\nname = \"warehouse\"\nkind = \"postgres\"\nurl = \"{}\"\n",
        database.url()
    );
    workspace.write_config(&(workspace.config() + &more));
    workspace.run(&["load"]).expect(0);
    assert_eq!(control.count(), requests);
    let later = warehouse_tables(&database).await;
    let counts = |tables: &Tables| {
        let tables = tables.iter();
        tables.map(|(name, rows)| (name.clone(), rows.len())).collect::<Vec<_>>()
    };
    assert_eq!(counts(&later), counts(&lake_tables(&workspace.lake())));
}

#[tokio::test]
async fn a_lost_state_store_is_rebuilt_by_a_load_without_a_request() {
    let (simulator, workspace) = history().await;
    let control = simulator.control();
    let before = (known(&workspace), cursor(&workspace));
    let lake = snapshot(&workspace.lake());
    let requests = control.count();
    workspace.delete_state();
    workspace.run(&["load"]).expect(0);
    assert_eq!(control.count(), requests, "a load makes no requests");
    assert_eq!((known(&workspace), cursor(&workspace)), before);
    assert!(snapshot(&workspace.lake()) == lake, "the lake was up to date");
    assert_quiet(&workspace, &control);
    assert_every_call_once(&workspace);
}

#[tokio::test]
async fn a_sync_without_its_state_store_fetches_no_details_again() {
    let simulator = simulate(small(80)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    let before = known(&workspace);
    let (journal, lake) = (snapshot(&workspace.journal()), snapshot(&workspace.lake()));
    control.reset_log();
    workspace.delete_state();
    workspace.sync();
    assert_eq!(control.count_of("/call-details"), 0);
    assert_eq!(known(&workspace), before);
    assert!(snapshot(&workspace.journal()) == journal, "nothing was new");
    assert!(snapshot(&workspace.lake()) == lake, "nothing was new");
    assert_quiet(&workspace, &control);
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn a_destination_ahead_of_the_journal_is_refused_with_the_way_out() {
    let simulator = simulate(small(20)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    let backup = tempfile::tempdir().unwrap();
    copy_folder(&workspace.path().join("data"), backup.path());
    let control = simulator.control();
    let id = control.call_ids()[0].clone();
    control.edit(Edit::SetStatus { id, status: "PROCESSED".to_owned(), at: Utc::now() });
    workspace.sync();
    // Journal and state come back from a backup that is older than the lake.
    workspace.delete_state();
    fs::remove_dir_all(workspace.journal()).unwrap();
    copy_folder(&backup.path().join("journal"), &workspace.journal());
    fs::copy(backup.path().join("state.db"), workspace.state()).unwrap();
    let ran = workspace.run(&["load"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("ahead of the journal"), "{}", ran.stderr);
    for destination in workspace.destinations() {
        let way_out = format!("replay --destination {destination}");
        assert!(ran.stderr.contains(&way_out), "{}", ran.stderr);
        workspace.run(&["replay", "--destination", destination]).expect(0);
    }
    workspace.sync();
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn the_demo_is_incremental_when_it_runs_again() {
    let folder = tempfile::tempdir().unwrap();
    let demo = || crate::harness::Running::start(folder.path(), &[], &["--json", "demo"]).wait().expect(0);
    let first = demo();
    let lake = folder.path().join("clarion-demo/data/lake");
    let calls = lake_tables(&lake)["calls"].len() as u64;
    assert!(calls > 200, "{calls} calls");
    assert_eq!(first.number("/streams/calls/new"), calls);
    let second = demo();
    assert_eq!(second.number("/streams/calls/new"), 0);
    assert!(second.number("/requests/total") < 20, "{}", second.number("/requests/total"));
    assert_eq!(lake_tables(&lake)["calls"].len() as u64, calls);
}

/// What the state store knows of the records, as `status` shows it; when runs ended is not part of the journal.
fn known(workspace: &Workspace) -> Value {
    let status = workspace.run(&["status"]).expect(0).json;
    let streams = status["streams"].as_array().unwrap();
    let rows: Vec<Value> = streams.iter().map(|stream| json!([stream["name"], stream["rows"]])).collect();
    assert_eq!(rows.len(), 3 + DECLARED.len());
    json!({"rows": rows, "queue": status["queue"], "generation": status["generation"]})
}

/// Where the forward pass goes on.
fn cursor(workspace: &Workspace) -> String {
    let status = workspace.run(&["status"]).expect(0);
    status.text("/streams/0/cursor").to_owned()
}

/// A sync that finds nothing to fetch in detail and nothing to write.
fn assert_quiet(workspace: &Workspace, control: &Control) {
    let journal = snapshot(&workspace.journal());
    control.reset_log();
    workspace.sync();
    assert_eq!(control.count_of("/call-details"), 0, "details were fetched again");
    assert!(snapshot(&workspace.journal()) == journal, "something was written");
}

fn assert_every_call_once(workspace: &Workspace) {
    let tables = lake_tables(&workspace.lake());
    let mut ids: Vec<&str> = tables["calls"].iter().filter_map(|row| row["id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), tables["calls"].len()), (80, 80));
}
