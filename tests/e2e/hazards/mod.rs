//! The corpus of hazards, through every write path, read back by readers that are not ours.

pub(crate) mod corpus;
mod readers;

use std::collections::{BTreeMap, BTreeSet};

use clarion_simulator::{Edit, Simulator};
use serde_json::Value;

use crate::audit::has_details;
use crate::harness::{Layout, Workspace, simulate, small};
use corpus::{Corpus, Hazard};

/// A vendor whose calls hold the whole corpus, synced into every destination.
struct Scene {
    _simulator: Simulator,
    workspace: Workspace,
    corpus: Corpus,
    calls: Vec<String>,
    /// The call in which everything is said.
    spoken: String,
}

impl Scene {
    async fn synced() -> Self {
        let corpus = Corpus::read();
        let simulator = simulate(small(corpus.times.len() + 5)).await;
        let control = simulator.control();
        let calls = control.call_ids();
        let spoken = control.truth().into_iter().find(has_details).unwrap();
        let spoken = spoken["id"].as_str().unwrap().to_owned();
        let set = |call: &str, field: &str, text: String| {
            let (id, field) = (call.to_owned(), field.to_owned());
            assert!(control.edit(Edit::SetVerbatim { id, field, text }));
        };
        for (at, hazard) in corpus.texts.iter().enumerate() {
            set(&calls[at], "title", hazard.wire.clone());
        }
        for (at, hazard) in corpus.numbers.iter().enumerate() {
            set(&calls[at], &numbered("hazard_number", at), hazard.wire.clone());
        }
        for (at, hazard) in corpus.times.iter().enumerate() {
            set(&calls[at], "original_start_time", hazard.wire.clone());
        }
        for (at, hazard) in corpus.nested.iter().enumerate() {
            set(&calls[at], &numbered("hazard_nested", at), hazard.wire.clone());
        }
        for (at, name) in corpus.names.iter().enumerate() {
            set(&calls[0], &name.name, value_of(at).to_string());
        }
        for (call, gap) in calls.iter().zip(["\"\"", "null", "[]", "{}"]) {
            set(call, "hazard_gap", gap.to_owned());
        }
        set(&spoken, "transcript", transcript(&corpus.texts));
        let workspace = Workspace::new(&simulator.url(), Layout::both().await);
        workspace.sync();
        Self { _simulator: simulator, workspace, corpus, calls, spoken }
    }
}

fn numbered(name: &str, at: usize) -> String {
    format!("{name}_{at:02}")
}

/// What the field of the n-th name holds.
fn value_of(name: usize) -> u64 {
    770_000 + name as u64
}

fn transcript(texts: &[Hazard]) -> String {
    let turns: Vec<String> = texts
        .iter()
        .map(|hazard| format!("{{\"personId\":0,\"start\":1.5,\"end\":2,\"text\":{}}}", hazard.wire))
        .collect();
    format!("[{}]", turns.join(","))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_shows_what_the_corpus_expects() {
    let scene = Scene::synced().await;
    let mut differences = Vec::new();
    let mut readers = readers::of_lake(&scene.workspace);
    readers.extend(readers::of_warehouse(&scene.workspace).await);
    for (reader, tables) in &readers {
        let found = compared(&scene, tables);
        differences.extend(found.into_iter().map(|difference| format!("{reader}: {difference}")));
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_unique_short_and_the_same_in_every_destination() {
    let scene = Scene::synced().await;
    let mut all: Vec<(String, BTreeMap<u64, String>)> = Vec::new();
    let mut readers = readers::of_lake(&scene.workspace);
    readers.extend(readers::of_warehouse(&scene.workspace).await);
    for (reader, tables) in readers {
        let row = tables.calls.iter().find(|row| row["id"] == *scene.calls[0]).unwrap();
        let columns = row.as_object().unwrap();
        let distinct: BTreeSet<String> = columns.keys().map(|name| name.to_lowercase()).collect();
        assert_eq!(distinct.len(), columns.len(), "{reader}: names that differ by case only");
        assert!(columns.keys().all(|name| name.len() <= 63), "{reader}: a name past 63 bytes");
        let mut named = BTreeMap::new();
        for (at, name) in scene.corpus.names.iter().enumerate() {
            let holds = |value: &Value| value.as_u64() == Some(value_of(at));
            let found: Vec<&String> =
                columns.iter().filter(|(_, value)| holds(value)).map(|(name, _)| name).collect();
            assert_eq!(found.len(), 1, "{reader}: {:?} is in {found:?}", name.name);
            if let Some(column) = &name.column {
                assert_eq!(found[0], column, "{reader}: {:?}", name.name);
            }
            named.insert(value_of(at), found[0].clone());
        }
        all.push((reader, named));
    }
    assert!(all.windows(2).all(|pair| pair[0].1 == pair[1].1), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_journal_has_every_byte_as_it_came() {
    let scene = Scene::synced().await;
    let mut journal = Vec::new();
    for path in crate::harness::files(&scene.workspace.journal()) {
        if path.extension().is_some_and(|kind| kind == "zst") {
            journal.extend(zstd::decode_all(&*std::fs::read(path).unwrap()).unwrap());
        }
    }
    let holds = |text: String| journal.windows(text.len()).any(|window| window == text.as_bytes());
    let corpus = &scene.corpus;
    for hazard in corpus.texts.iter().filter(|hazard| hazard.wire.len() < 1_000) {
        assert!(holds(format!("\"title\":{}", hazard.wire)), "{}", hazard.wire);
    }
    for (at, hazard) in corpus.numbers.iter().enumerate() {
        assert!(holds(format!("\"{}\":{}", numbered("hazard_number", at), hazard.wire)), "{}", hazard.wire);
    }
    for (at, hazard) in corpus.nested.iter().enumerate() {
        assert!(holds(format!("\"{}\":{}", numbered("hazard_nested", at), hazard.wire)), "{}", hazard.wire);
    }
}

/// What a reader shows other than the corpus expects it.
fn compared(scene: &Scene, tables: &readers::Tables) -> Vec<String> {
    let mut differences = Vec::new();
    let mut check = |what: String, shown: &Value, expected: &Value| {
        if shown != expected {
            let brief = |value: &Value| value.to_string().chars().take(120).collect::<String>();
            differences.push(format!("{what} is {}, not {}", brief(shown), brief(expected)));
        }
    };
    let rows: BTreeMap<&str, &Value> =
        tables.calls.iter().map(|row| (row["id"].as_str().unwrap(), row)).collect();
    let row = |at: usize| rows[scene.calls[at].as_str()];
    for (at, hazard) in scene.corpus.texts.iter().enumerate() {
        check(hazard.about(), &row(at)["title"], &hazard.shown);
    }
    for (at, hazard) in scene.corpus.times.iter().enumerate() {
        check(hazard.about(), &readers::time(&row(at)["original_start_time"]), &hazard.shown);
    }
    for (at, hazard) in scene.corpus.numbers.iter().enumerate() {
        let name = numbered("hazard_number", at);
        check(hazard.about(), &readers::number(&row(at)[&name], &hazard.kind), &hazard.shown_number());
        let of_reader = tables.types.get(&name).map(String::as_str);
        let expected = tables.kinds[&hazard.kind];
        check(format!("the type of {}", hazard.wire), &of_reader.into(), &expected.into());
    }
    for (at, hazard) in scene.corpus.nested.iter().enumerate() {
        let shown = readers::pruned(&row(at)[numbered("hazard_nested", at)]);
        check(hazard.about(), &shown, &hazard.shown);
    }
    for (at, expected) in
        [Value::from(""), Value::Null, Value::Null, Value::Null, Value::Null].iter().enumerate()
    {
        check(format!("gap {at}"), &row(at)["hazard_gap"], expected);
    }
    let turns: BTreeMap<u64, &Value> = tables
        .turns
        .iter()
        .filter(|turn| turn["call_id"] == *scene.spoken)
        .map(|turn| (turn["idx"].as_u64().unwrap(), &turn["text"]))
        .collect();
    for (at, hazard) in (0..).zip(&scene.corpus.texts) {
        check(format!("said: {}", hazard.about()), turns[&at], &hazard.shown);
    }
    differences
}
