//! Random histories of loads against a model in memory.

use std::collections::BTreeMap;

use clarion_core::testing::destination::{Call, Script};
use clarion_core::{ChangeSet, Destination, LoadSpec, Position, format_timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::lake::{Lake, data_files, open, read};

/// One load of a history.
#[derive(Debug, Clone)]
struct Step {
    calls: Vec<(u8, u8, u8)>,
    deleted: Vec<u8>,
    kind: Kind,
    /// How many change sets; more than one come in no order of time.
    pieces: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    Wider,
    Rebuild,
}

/// What the lake must hold: by id the row of `calls` and those of `call_parts`.
#[derive(Default)]
struct Model {
    wide: bool,
    records: BTreeMap<String, (Value, Vec<Value>)>,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_lake_equals_the_model_after_every_load(steps in vec(step(), 1..8)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(play(&steps));
    }
}

fn step() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![6 => Just(Kind::Plain), 1 => Just(Kind::Wider), 1 => Just(Kind::Rebuild)];
    let calls = vec((0..14_u8, 0..40_u8, 0..4_u8), 0..7);
    (calls, vec(0..14_u8, 0..3), kind, 1..4_usize).prop_map(|(calls, deleted, kind, pieces)| Step {
        calls,
        deleted,
        kind,
        pieces,
    })
}

async fn play(steps: &[Step]) {
    let lake = Lake::new();
    let mut model = Model::default();
    for (number, step) in steps.iter().enumerate() {
        let scripts = scripts(step, number, &mut model);
        let [from, to] = [place(number), place(number + 1)];
        let whole = scripts.iter().fold(Script::new(from, Vec::new()), |mut whole, script| {
            whole.calls.extend(script.calls.clone());
            whole.deleted.extend(script.deleted.clone());
            whole
        });
        let mut spec = whole.announced();
        spec.replace = step.kind == Kind::Rebuild;
        let changes: Vec<ChangeSet> = scripts.iter().map(Script::change).collect();
        model.load(&scripts, &spec);
        load(&lake, spec, changes, to).await;
        assert_eq!(shown(&lake), model.rows(), "after load {number}");
        let state = lake.destination().inspect().await.unwrap();
        assert_eq!(state.position, to);
        assert!(
            state.tables.iter().all(|(name, table)| table.rows == lake.table(name.as_str()).len() as u64)
        );
    }
}

/// The scripts of a load, one a change set; each key once.
fn scripts(step: &Step, number: usize, model: &mut Model) -> Vec<Script> {
    model.wide |= step.kind == Kind::Wider;
    let mut calls: BTreeMap<u8, Call> = BTreeMap::new();
    for (line, &(id, time, parts)) in (2..).zip(&step.calls) {
        let time = match time {
            0..4 => String::new(),
            _ => format!("2026-{:02}-{:02}T10:00:00Z", 1 + time % 4, 1 + time / 4),
        };
        let mut call = Call::new(&format!("c{id:02}"), &time, line).field("score", score(model.wide, line));
        call.position = Position::new(number as u64 + 1, line);
        call.parts = (0..parts).map(|part| format!("{number}/{part}")).collect();
        calls.insert(id, call);
    }
    let deleted: Vec<(String, Position)> = step
        .deleted
        .iter()
        .filter(|id| !calls.contains_key(id))
        .map(|id| (format!("c{id:02}"), Position::new(number as u64 + 1, 90)))
        .collect();
    let calls: Vec<Call> = calls.into_values().collect();
    let size = calls.len().div_ceil(step.pieces).max(1);
    let mut scripts: Vec<Script> =
        calls.chunks(size).map(|calls| Script::new(place(number), calls.to_vec())).collect();
    let mut last = Script::new(place(number), Vec::new());
    last.deleted = deleted;
    scripts.push(last);
    if model.wide { scripts.into_iter().map(Script::widened).collect() } else { scripts }
}

fn score(wide: bool, line: u32) -> Value {
    if wide { json!(format!("about {line}")) } else { json!(line) }
}

/// Runs the load; at every step of its commit readers see each record at most once.
async fn load(lake: &Lake, spec: LoadSpec, changes: Vec<ChangeSet>, to: Position) {
    let root = lake.root();
    let watch = move |_| {
        for (table, key) in [("calls", &["id"][..]), ("call_parts", &["call_id", "idx"])] {
            let mut seen = std::collections::HashSet::new();
            for row in data_files(&root, table).iter().flat_map(|path| read(path)) {
                for row in clarion_core::testing::rows::rows(&row) {
                    let key: Vec<String> = key.iter().map(|column| row[*column].to_string()).collect();
                    assert!(seen.insert(key.clone()), "{table} shows {key:?} twice");
                }
            }
        }
        Ok(())
    };
    let destination = open(&lake.root()).watched(watch);
    let mut load = destination.begin(spec).await.unwrap();
    for change in changes {
        load.write(change).await.unwrap();
    }
    load.commit(to).await.unwrap();
}

impl Model {
    fn load(&mut self, scripts: &[Script], spec: &LoadSpec) {
        if spec.replace {
            self.records.clear();
        }
        for script in scripts {
            for call in &script.calls {
                self.records.insert(call.id.clone(), (call.row(spec), call.part_rows(spec)));
            }
            for (id, position) in &script.deleted {
                if let Some((row, parts)) = self.records.get_mut(id) {
                    std::iter::once(row).chain(parts).for_each(|row| mark(row, *position, spec));
                }
            }
        }
        if self.wide {
            for (row, _) in self.records.values_mut() {
                if let Some(score) = row["score"].as_i64() {
                    row["score"] = json!(score.to_string());
                }
            }
        }
    }

    fn rows(&self) -> Rows {
        let rows = self.records.values();
        let calls = rows.clone().map(|(row, _)| bare(row)).collect();
        let parts = rows.flat_map(|(_, parts)| parts).map(bare).collect();
        sorted(calls, parts)
    }
}

type Rows = [Vec<String>; 2];

fn shown(lake: &Lake) -> Rows {
    let bare = |table: &str| lake.table(table).iter().map(bare).collect();
    sorted(bare("calls"), bare("call_parts"))
}

fn sorted(mut calls: Vec<String>, mut parts: Vec<String>) -> Rows {
    calls.sort();
    parts.sort();
    [calls, parts]
}

/// Without nulls, which a model row does not spell out.
fn bare(row: &Value) -> String {
    let fields = row.as_object().unwrap().iter().filter(|(_, value)| !value.is_null());
    Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>())
        .to_string()
}

fn mark(row: &mut Value, position: Position, spec: &LoadSpec) {
    row["_deleted_at"] = json!("2026-11-20T11:00:00.000000Z");
    row["_position"] = json!(position.pack());
    row["_run_id"] = json!(spec.run_id.as_str());
    row["_loaded_at"] = json!(format_timestamp(spec.loaded_at));
}

/// The position before load `number`.
fn place(number: usize) -> Position {
    if number == 0 { Position::START } else { Position::new(number as u64, 99) }
}
