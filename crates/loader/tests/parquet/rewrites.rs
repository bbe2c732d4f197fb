//! What a change of shape costs: every file is written anew once, however many changes one load brings.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clarion_core::testing::destination::{Call, Script, schemas, wider_parents};
use clarion_core::{Column, ColumnType, Destination, Position, TableSchema};
use serde_json::json;

use super::lake::{Lake, data_files, files, open};

const MONTHS: [&str; 4] =
    ["2026-01-02T10:00:00Z", "2026-02-02T10:00:00Z", "2026-03-02T10:00:00Z", "2026-04-02T10:00:00Z"];
const ONE: Position = Position { segment: 1, line: 99 };

/// `calls` after each of three changes.
fn shapes() -> [TableSchema; 3] {
    let wider = wider_parents();
    let mut grown = wider.clone();
    let note =
        Column { name: "note".into(), kind: ColumnType::Integer, source: "note".into(), declared: false };
    grown.columns.insert(7, note);
    let mut widest = grown.clone();
    widest.columns[7].kind = ColumnType::Text;
    [wider, grown, widest]
}

#[tokio::test]
async fn a_file_is_rewritten_once_however_many_changes_one_load_brings() {
    let lake = Lake::new();
    let calls =
        MONTHS.iter().zip(2..).map(|(month, line)| Call::new(&format!("c{line}"), month, line).parts(&["1"]));
    Script::new(Position::START, calls.collect()).run(ONE, &lake).await.expect("the load lands");
    let old = data_files(&lake.root(), "calls");
    assert_eq!(old.len(), 4);
    let parts = contents(data_files(&lake.root(), "call_parts"));

    let (root, staged) = (lake.root(), Arc::new(Mutex::new(Vec::new())));
    let seen = staged.clone();
    let watch = move |step| {
        if step == "parquet.staged" {
            seen.lock().unwrap().extend(files(&root.join("_clarion/staging")));
        }
        Ok(())
    };
    let destination = open(&lake.root()).watched(watch);
    let scripts: Vec<Script> = shapes()
        .into_iter()
        .zip([("x", json!(null)), ("y", json!(1)), ("z", json!("one"))])
        .zip(12..)
        .map(|((shape, (id, note)), line)| {
            let call = Call::new(id, MONTHS[0], line).field("score", json!("high"));
            let call = if note.is_null() { call } else { call.field("note", note) };
            let mut script = Script::new(ONE, vec![call]);
            script.schemas = [Arc::new(shape), schemas()[1].clone()];
            script
        })
        .collect();
    let whole = Script::new(ONE, scripts.iter().flat_map(|script| script.calls.clone()).collect());
    let mut load = destination.begin(whole.announced()).await.expect("it begins");
    for script in &scripts {
        load.write(script.change()).await.expect("the rows are taken");
    }
    load.commit(Position::new(2, 99)).await.expect("it lands");

    let rewritten =
        staged.lock().unwrap().iter().filter(|path| path.to_string_lossy().contains("/calls-")).count();
    let added = data_files(&lake.root(), "calls").len() - old.len();
    assert_eq!(rewritten, old.len() + added, "each old file once, and the new rows");
    assert_eq!(lake.table("calls").len(), 7, "and all files have one schema");
    let now = contents(data_files(&lake.root(), "call_parts"));
    assert!(
        parts.iter().all(|(path, bytes)| now[path] == *bytes),
        "a table that did not change its shape is left alone"
    );
    assert_eq!(lake.table("call_parts").len(), 4);
}

fn contents(paths: Vec<PathBuf>) -> BTreeMap<PathBuf, Vec<u8>> {
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}
