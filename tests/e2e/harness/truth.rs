//! Destinations against the simulator's truth, field by field, by readers that are not ours.

use std::fs;
use std::path::Path;

use clarion_simulator::Control;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Database, Workspace, outside_reader};

/// Every table of every destination against the truth of the simulator: what is missing, too many, doubled or
/// different. Rows of calls that the simulator no longer has are left out of it.
async fn differences(workspace: &Workspace, control: &Control) -> Vec<String> {
    let truth = write_truth(control);
    let mut found = Vec::new();
    for (reader, result) in compare(workspace, truth.path(), &["duckdb"]).await {
        found.extend(problems(&reader, &result));
    }
    found
}

/// Fails the test on any difference.
pub(crate) async fn assert_truth(workspace: &Workspace, control: &Control) {
    let found = differences(workspace, control).await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// What each reader says of its destination, by the reader's name: `lake_readers` on the lake if there is one, and a
/// session of its own on the warehouse if there is one. `truth` is a folder of vendor JSON.
pub(crate) async fn compare(
    workspace: &Workspace,
    truth: &Path,
    lake_readers: &[&str],
) -> Vec<(String, Value)> {
    let mut results = Vec::new();
    if workspace.lake().exists() {
        for reader in lake_readers {
            let arguments = [truth, Path::new(reader), &workspace.lake()];
            results.extend(
                outside_reader("compare.py", &arguments).map(|result| ((*reader).to_owned(), result)),
            );
        }
    }
    if let Some(database) = workspace.warehouse() {
        let dump = dump(database).await;
        let arguments = [truth, Path::new("json"), dump.path()];
        results
            .extend(outside_reader("compare.py", &arguments).map(|result| ("postgres".to_owned(), result)));
    }
    results
}

/// The differences in one reader's answer.
pub(crate) fn problems(reader: &str, result: &Value) -> Vec<String> {
    let list = result["differences"].as_array().expect("a list of differences");
    list.iter().map(|text| format!("{reader}: {}", text.as_str().unwrap_or_default())).collect()
}

/// The simulator's workspace in the format of the data folder.
pub(crate) fn write_truth(control: &Control) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let calls: Vec<String> = control.truth().iter().map(Value::to_string).collect();
    let write =
        |name: &str, text: String| fs::write(folder.path().join(name), text).expect("the folder is writable");
    write("calls.jsonl", calls.join("\n"));
    write("users.json", json!({ "users": control.collection("users") }).to_string());
    write("server_side.json", json!({ "private_call_ids": control.private_ids() }).to_string());
    folder
}

/// Every table of the schema `clari` as a JSON list, written by the server.
async fn dump(database: &Database) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for table in database.tables().await {
        let rows = database.rows(&format!("SELECT * FROM clari.\"{table}\"")).await;
        let text = Value::Array(rows).to_string();
        fs::write(folder.path().join(format!("{table}.json")), text).expect("the folder is writable");
    }
    folder
}
