//! The real conversations, synced into both destinations at once and compared with the source files.

use std::path::Path;

use clarion_simulator::{Options, Simulator};
use serde_json::Value;

use crate::harness::{
    Layout, Workspace, compare, files, lake_tables, outside_reader, problems, real_data, simulate, small,
    write_truth,
};

/// Counted in the source files by `expected.py`; the two that its README states are checked against it.
const CALLS: u64 = 401;
const TURNS: u64 = 71_443;
const PRIVATE: usize = 25;

#[tokio::test]
async fn every_field_of_the_real_conversations_arrives_in_both_destinations() {
    let Some(data) = real_data() else { return };
    let (simulator, workspace) = synced(&data).await;
    let results = compare(&workspace, &data, &["duckdb", "pyarrow"]).await;
    for (reader, result) in &results {
        let found = problems(reader, result);
        assert!(found.is_empty(), "{}", found.join("\n"));
        assert_eq!(result["rows"]["calls"], CALLS, "{reader}");
        assert_eq!(result["rows"]["transcript_turns"], TURNS, "{reader}");
        let unknown = result["unknown"].as_object().unwrap();
        assert!(unknown.values().all(|count| count == 0), "{reader}: {unknown:?}");
        assert!(result["values"].as_u64().unwrap() > 800_000, "{reader} compared too little");
    }
    let rows: Vec<&Value> = results.iter().map(|(_, result)| &result["rows"]).collect();
    assert!(rows.windows(2).all(|pair| pair[0] == pair[1]), "the readers disagree");
    assert_plain(&workspace.lake());
    assert_notices_another_workspace(&workspace.lake()).await;
    let details = rows.first().map_or(0, |rows| rows["call_details"].as_u64().unwrap());
    assert!(rows.is_empty() || simulator.control().count_of("/call-details") == details);
}

/// Every private call is marked, every table has rows, and table folders hold nothing but data.
fn assert_plain(lake: &Path) {
    let tables = lake_tables(lake);
    for (name, rows) in &tables {
        assert!(!rows.is_empty(), "{name} is empty");
    }
    let private = tables["calls"].iter().filter(|call| call["is_private"] == true);
    assert_eq!(private.count(), PRIVATE);
    for path in files(lake) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let inside = path.strip_prefix(lake).unwrap();
        let is_data = name.starts_with("data-") && name.ends_with(".parquet");
        assert!(is_data || inside.starts_with("_clarion"), "{} is in the way", inside.display());
    }
}

/// The comparison can fail: against the truth of another workspace it does.
async fn assert_notices_another_workspace(lake: &Path) {
    let other = simulate(small(3)).await;
    let truth = write_truth(&other.control());
    if let Some(result) = outside_reader("compare.py", &[truth.path(), Path::new("duckdb"), lake]) {
        assert!(!problems("duckdb", &result).is_empty(), "nothing was compared");
    }
}

async fn synced(data: &Path) -> (Simulator, Workspace) {
    let options = Options { data: Some(data.to_owned()), ..small(0) };
    let simulator = simulate(options).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let ran = workspace.sync();
    assert_eq!(ran.text("/outcome"), "done");
    assert_eq!(ran.number("/streams/calls/new"), CALLS);
    assert_eq!(ran.json["warnings"], Value::Array(Vec::new()));
    (simulator, workspace)
}
