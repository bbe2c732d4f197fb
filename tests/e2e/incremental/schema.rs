//! The vendor's records change their shape: new fields, other types.

use clarion_simulator::{Edit, Simulator};
use serde_json::{Value, json};

use super::{RELIST, recent};
use crate::harness::{
    Layout, Tables, Workspace, assert_truth, lake_tables, simulate, small, warehouse_tables, without,
};

async fn synced() -> (Simulator, Workspace) {
    let simulator = simulate(small(80)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    (simulator, workspace)
}

/// Every destination's tables, by name.
async fn tables(workspace: &Workspace) -> Vec<(&'static str, Tables)> {
    let mut all = vec![("lake", lake_tables(&workspace.lake()))];
    if let Some(database) = workspace.warehouse() {
        all.push(("warehouse", warehouse_tables(database).await));
    }
    all
}

#[tokio::test]
async fn a_new_field_is_a_new_column_and_old_rows_keep_their_values() {
    let (simulator, workspace) = synced().await;
    let control = simulator.control();
    let before = tables(&workspace).await;
    control.edit(Edit::AddField { name: "hostMood".to_owned(), value: json!("cheerful") });
    let ran = workspace.sync();
    let warnings = ran.json["warnings"].to_string();
    assert!(warnings.contains("host_mood"), "{warnings}");

    let fresh: Vec<String> = recent(&control, RELIST).iter().map(super::id).collect();
    assert!(!fresh.is_empty(), "no call is recent");
    for ((name, before), (_, after)) in before.iter().zip(&tables(&workspace).await) {
        for row in &after["calls"] {
            let is_fresh = fresh.iter().any(|id| row["id"] == id.as_str());
            let expected = if is_fresh { json!("cheerful") } else { Value::Null };
            assert_eq!(row["host_mood"], expected, "{name}");
        }
        assert_eq!(old_rows(before, &fresh), without(&old_rows(after, &fresh), "host_mood"), "{name}");
    }

    // A full sync brings the field to every call.
    workspace.run(&["sync", "--full"]).expect(0);
    assert_truth(&workspace, &control).await;
    for (name, tables) in tables(&workspace).await {
        let missing = |table: &str| tables[table].iter().filter(|row| row["host_mood"] != "cheerful").count();
        assert_eq!((missing("calls"), missing("call_details")), (0, 0), "{name}");
    }
}

#[tokio::test]
async fn a_new_nested_field_is_kept_whole() {
    let (simulator, workspace) = synced().await;
    let control = simulator.control();
    let value = json!({"score": 7, "tags": ["a", "ß"], "by": {"model": "x"}});
    control.edit(Edit::AddField { name: "ai_review".to_owned(), value });
    workspace.run(&["sync", "--full"]).expect(0);
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn a_number_that_becomes_text_widens_its_column_and_keeps_its_rows() {
    let (simulator, workspace) = synced().await;
    let control = simulator.control();
    control.edit(Edit::ChangeType { field: "metrics/call_duration".to_owned() });
    control.edit(Edit::ChangeType { field: "metrics/talk_listen_ratio".to_owned() });
    let ran = workspace.sync();
    let warnings = ran.json["warnings"].to_string();
    assert!(warnings.contains("call_duration"), "{warnings}");
    for (name, tables) in tables(&workspace).await {
        let durations = tables["calls"].iter().map(|row| &row["call_duration"]);
        let texts = durations.clone().filter(|value| value.is_string()).count();
        let nulls = durations.filter(|value| value.is_null()).count();
        let source = control.truth();
        let absent = source.iter().filter(|call| call["metrics"]["call_duration"].is_null()).count();
        assert_eq!((texts + nulls, nulls), (80, absent), "{name}");
    }
    workspace.run(&["sync", "--full"]).expect(0);
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn a_person_id_that_becomes_text_still_finds_its_speaker() {
    let (simulator, workspace) = synced().await;
    let control = simulator.control();
    control.edit(Edit::ChangeType { field: "transcript/*/personId".to_owned() });
    workspace.run(&["sync", "--full"]).expect(0);
    for (name, tables) in tables(&workspace).await {
        let nameless = tables["transcript_turns"].iter().filter(|row| row["is_internal"].is_null());
        assert_eq!(nameless.count(), 0, "{name}");
    }
}

/// Rows of calls that the last sync did not touch.
fn old_rows(tables: &Tables, fresh: &[String]) -> Tables {
    let is_old = |row: &&Value| {
        let owner = if row["call_id"].is_string() { &row["call_id"] } else { &row["id"] };
        !fresh.iter().any(|id| *owner == id.as_str())
    };
    let tables = tables.iter();
    tables.map(|(name, rows)| (name.clone(), rows.iter().filter(is_old).cloned().collect())).collect()
}
