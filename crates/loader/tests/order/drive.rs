//! Records through the normaliser into a destination, in loads and chunks, as the pipeline does it.

use std::collections::BTreeMap;
use std::sync::Arc;

use clarion_core::testing::destination::{Readback, journal};
use clarion_core::{ChangedKeys, Destination, Entry, Item, LoadSpec, Position, Result, RunId, StreamName};
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
) -> (String, BTreeMap<String, Value>) {
    for chunks in loads {
        let destination = on.open().await;
        // Once for each shape that a table has to take first, and types only ever widen.
        for _ in 0..200 {
            match load(destination.as_ref(), chunks).await {
                Ok(()) => break,
                Err(error) => assert!(error.is_temporary(), "{error:?}"),
            }
        }
    }
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

async fn load(destination: &dyn Destination, chunks: &[Vec<Entry>]) -> Result<()> {
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
        replace: false,
        again: false,
        loaded_at: loaded_at(),
        keys: Arc::new(keys),
    };
    let mut load = destination.begin(spec).await?;
    let mut normaliser = Normaliser::new(&state.schemas, loaded_at());
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
