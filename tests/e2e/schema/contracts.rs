//! `contract` of a stream: what becomes of fields that its tables do not have.

use clarion_simulator::{Edit, Simulator};
use serde_json::{Value, json};

use crate::harness::{
    Layout, Ran, Tables, Workspace, lake_tables, simulate, small, warehouse_tables, without,
};

async fn under(contract: &str) -> (Simulator, Workspace) {
    let simulator = simulate(small(60)).await;
    let more = format!("[streams.calls]\ncontract = \"{contract}\"\n");
    let workspace = Workspace::new(&simulator.url(), Layout { more, ..Layout::both().await });
    workspace.sync();
    simulator.control().edit(Edit::AddField { name: "hostMood".to_owned(), value: json!("cheerful") });
    (simulator, workspace)
}

fn set(workspace: &Workspace, from: &str, to: &str) {
    let config =
        workspace.config().replace(&format!("contract = \"{from}\""), &format!("contract = \"{to}\""));
    workspace.write_config(&config);
}

async fn tables(workspace: &Workspace) -> Vec<Tables> {
    let mut all = vec![lake_tables(&workspace.lake())];
    if let Some(database) = workspace.warehouse() {
        all.push(warehouse_tables(database).await);
    }
    all
}

/// Rows of `calls` with a mood, by destination; `None` where there is no such column.
async fn moods(workspace: &Workspace) -> Vec<Option<usize>> {
    let count = |tables: &Tables| {
        let moods: Vec<&Value> = tables["calls"].iter().filter_map(|row| row.get("host_mood")).collect();
        let there = moods.iter().filter(|mood| mood.is_string()).count();
        (!moods.is_empty()).then_some(there)
    };
    tables(workspace).await.iter().map(count).collect()
}

/// As somebody's hand might, who then reads that a rebuild repairs it.
async fn damage(workspace: &Workspace) {
    let months = std::fs::read_dir(workspace.lake().join("calls")).unwrap();
    let month = months.map(|month| month.unwrap().path()).find(|path| path.is_dir()).unwrap();
    std::fs::remove_dir_all(month).unwrap();
    if let Some(database) = workspace.warehouse() {
        database.run("ALTER TABLE clari.calls DROP COLUMN title CASCADE").await;
    }
}

async fn wipe(workspace: &Workspace) {
    std::fs::remove_dir_all(workspace.lake()).unwrap();
    if let Some(database) = workspace.warehouse() {
        database.run("DROP SCHEMA clari CASCADE").await;
    }
}

fn told(ran: &Ran) -> usize {
    let warnings = ran.json["warnings"].as_array().unwrap();
    warnings.iter().filter(|warning| warning.as_str().unwrap().contains("hostMood left out")).count()
}

#[tokio::test]
async fn a_discarded_field_stays_out_is_told_once_and_comes_with_a_replay_once_it_is_wanted() {
    let (simulator, workspace) = under("discard").await;
    let ran = workspace.run(&["sync", "--full"]).expect(0);
    let destinations = workspace.destinations().len();
    assert_eq!(told(&ran), destinations, "{}", ran.json["warnings"]);
    assert!(moods(&workspace).await.iter().all(Option::is_none));
    let details = tables(&workspace).await;
    assert!(
        details[0]["call_details"].iter().all(|row| row["host_mood"] == "cheerful"),
        "the other stream evolves"
    );
    let again = simulator.control().call_ids()[0].clone();
    simulator.control().edit(Edit::Patch { id: again, merge: json!({ "title": "anew" }) });
    assert_eq!(told(&workspace.run(&["sync", "--full"]).expect(0)), 0, "once is enough");
    for destination in workspace.destinations() {
        workspace.run(&["replay", "--destination", destination]).expect(0);
    }
    assert!(moods(&workspace).await.iter().all(Option::is_none), "a rebuild keeps the shape");
    set(&workspace, "discard", "evolve");
    let requests = simulator.control().count();
    for destination in workspace.destinations() {
        workspace.run(&["replay", "--destination", destination]).expect(0);
    }
    assert!(moods(&workspace).await.iter().all(|moods| *moods == Some(60)), "{:?}", moods(&workspace).await);
    assert_eq!(simulator.control().count(), requests, "it was paid for already");
}

#[tokio::test]
async fn a_frozen_stream_stops_its_destinations_before_the_batch_and_loses_nothing() {
    let (simulator, workspace) = under("freeze").await;
    let before = tables(&workspace).await;
    let ran = workspace.run(&["sync", "--full"]).expect(1);
    let errors = ran.json["errors"].to_string();
    for word in ["frozen", "stream: calls", "field: hostMood", "new field (text)", "position: "] {
        assert!(errors.contains(word), "{word}: {errors}");
    }
    assert!(ran.stderr.contains("[streams.calls]") && ran.stderr.contains("clarion load"), "{}", ran.stderr);
    for (before, after) in before.iter().zip(tables(&workspace).await) {
        assert!(before["calls"] == after["calls"], "something of the stream was loaded");
        // The details of the calls may evolve, and their column be there before its values.
        assert!(*before == without(&after, "host_mood"), "something of the batch was loaded");
    }
    assert_eq!(ran.number("/streams/calls/changed"), 60, "extraction goes on");
    workspace.run(&["load"]).expect(1);
    wipe(&workspace).await;
    workspace.run(&["load"]).expect(1);
    for (before, after) in before.iter().zip(tables(&workspace).await) {
        let rows = |tables: &Tables| {
            tables.iter().map(|(name, rows)| (name.clone(), rows.len())).collect::<Vec<_>>()
        };
        assert_eq!(rows(before), rows(&after), "what came before the change does not wait for it");
    }
    let requests = simulator.control().count();
    set(&workspace, "freeze", "evolve");
    workspace.run(&["load"]).expect(0);
    assert!(moods(&workspace).await.iter().all(|moods| *moods == Some(60)));
    assert_eq!(simulator.control().count(), requests);
    set(&workspace, "evolve", "freeze");
    workspace.run(&["sync", "--full"]).expect(0);
    damage(&workspace).await;
    for destination in workspace.destinations() {
        workspace.run(&["replay", "--destination", destination]).expect(0);
    }
    assert!(moods(&workspace).await.iter().all(|moods| *moods == Some(60)), "what it has seen is its shape");
}
