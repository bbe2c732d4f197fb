//! Records through the normaliser into a destination, in loads and chunks, as the pipeline does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use clarion_core::testing::destination::{Readback, journal};
use clarion_core::{
    ChangedKeys, ColumnNames, Destination, Entry, Item, LoadSpec, Position, Result, RunId, StreamName,
    column_names,
};
use clarion_loader::Normaliser;
use serde_json::Value;

use crate::normalise::loaded_at;

/// One load: its chunks, each of some records.
pub(super) type Loads = Vec<Vec<Vec<Entry>>>;

/// Carries out the loads; gives the columns of the stream's table, and its rows by key less what tells their order.
pub(super) async fn tables(
    on: &impl Readback,
    stream: &StreamName,
    loads: &Loads,
    names: &ColumnNames,
) -> (String, BTreeMap<String, Value>) {
    for chunks in loads {
        patiently(on, chunks, names, false).await;
    }
    read(on, stream).await
}

/// Rebuilds it from these chunks, and gives the same.
pub(super) async fn rebuilt(
    on: &impl Readback,
    stream: &StreamName,
    chunks: &[Vec<Entry>],
) -> (String, BTreeMap<String, Value>) {
    let names = names(on).await;
    patiently(on, chunks, &names, true).await;
    read(on, stream).await
}

/// The columns that fields have.
pub(super) async fn names(on: &impl Readback) -> ColumnNames {
    column_names(&on.open().await.remembered().await.expect("it remembers"))
}

async fn patiently(on: &impl Readback, chunks: &[Vec<Entry>], names: &ColumnNames, replace: bool) {
    let destination = on.open().await;
    // Once for each shape that a table has to take first, and types only ever widen.
    for _ in 0..200 {
        match load(destination.as_ref(), chunks, names, replace).await {
            Ok(()) => return,
            Err(error) => assert!(error.is_temporary(), "{error:?}"),
        }
    }
}

async fn read(on: &impl Readback, stream: &StreamName) -> (String, BTreeMap<String, Value>) {
    let state = on.open().await.inspect().await.expect("it is well");
    let table = stream.table();
    let columns = serde_json::to_string_pretty(&state.schemas[&table].columns).expect("a schema is JSON");
    let mut rows = BTreeMap::new();
    for mut row in on.rows(table.as_str()).await {
        let fields = row.as_object_mut().expect("a row is an object");
        fields.remove("_position");
        let key = fields["id"].as_str().expect("the key is text").to_owned();
        // In Postgres the order of columns is that in which they came.
        fields.sort_keys();
        assert!(rows.insert(key, row).is_none(), "a key is there twice");
    }
    assert_eq!(state.tables[&table].rows, rows.len() as u64);
    (columns, rows)
}

async fn load(
    destination: &dyn Destination,
    chunks: &[Vec<Entry>],
    names: &ColumnNames,
    replace: bool,
) -> Result<()> {
    let state = destination.inspect().await?;
    let mut keys = ChangedKeys::new();
    for entry in chunks.iter().flatten() {
        keys.entry(entry.stream.clone()).or_default().insert(entry.key.clone());
    }
    let segment = state.position.segment + 1;
    let spec = LoadSpec {
        run_id: RunId::new("run-1"),
        fence: 1,
        journal: journal(1),
        from: state.position,
        replace,
        again: false,
        loaded_at: loaded_at(),
        keys: Arc::new(keys),
    };
    let mut load = destination.begin(spec).await?;
    let schemas = if replace { BTreeMap::new() } else { state.schemas };
    let mut normaliser = Normaliser::new(&schemas, loaded_at()).called(names.clone());
    let run_id = RunId::new("run-1");
    let mut line = 2;
    for chunk in chunks {
        let item = |entry| {
            line += 1;
            Item { entry, position: Position::new(segment, line), run_id: &run_id, gone: None }
        };
        let items: Vec<Item<'_>> = chunk.iter().map(item).collect();
        load.write(normaliser.normalise(&items)).await?;
    }
    load.commit(Position::new(segment, 99)).await.map(drop)
}
