//! Every built-in stream against the simulator over real HTTP.

use std::sync::Arc;

use clarion_core::{Bindings, Declaration, ReadEnd, Silent, Source, SourceRecord, SystemClock, built_in};
use clarion_extractor::{ClariSource, Credentials, SourceSettings};
use clarion_simulator::{Options, Simulator};
use serde_json::Value;

use crate::support::{MemoryLedger, read_declared, time};

/// What the bindings of a stream need, from what the simulator has.
fn bindings(stream: &Declaration, simulator: &Simulator) -> Bindings {
    let control = simulator.control();
    let first =
        |collection: &str, field: &str| control.collection(collection)[0][field].as_str().map(str::to_owned);
    let parent = match stream.name.as_str() {
        "playlist_calls" => first("playlists", "id"),
        "crm_accounts" => first("accounts", "crm_id"),
        "crm_deals" => first("opportunities", "crm_id"),
        "crm_contacts" => first("contacts", "crm_id"),
        _ => None,
    };
    let (from, to) = (Some(time("2020-01-01T00:00:00Z")), Some(time("2030-01-01T00:00:00Z")));
    Bindings { parent, from, to, cursor: None }
}

/// How many records there must be.
fn expected(stream: &Declaration, simulator: &Simulator) -> Option<usize> {
    let control = simulator.control();
    match stream.name.as_str() {
        "users"
        | "teams"
        | "scorecards"
        | "scorecard_templates"
        | "playlists"
        | "accounts"
        | "opportunities" => Some(control.collection(stream.name.as_str()).len()),
        "topics_v2" => Some(control.collection("topics").len()),
        "aggregate_stats" | "crm_accounts" | "crm_deals" | "crm_contacts" => Some(1),
        _ => None,
    }
}

#[tokio::test]
async fn every_built_in_stream_is_read_to_its_last_record() {
    let simulator =
        Simulator::start(Options { calls: 60, turns: 3, rate: 0, ..Options::default() }).await.unwrap();
    let settings =
        SourceSettings { base_url: simulator.url(), requests_per_second: 0.0, ..SourceSettings::default() };
    let ledger = Arc::new(MemoryLedger::default());
    let credentials = Credentials::new("demo", "demo");
    let source =
        ClariSource::new(settings, credentials, ledger, Arc::new(SystemClock), Arc::new(Silent)).unwrap();
    for stream in built_in() {
        // Small pages, so that there are several.
        let stream = Declaration { page_size: 7, ..stream.clone() };
        let (end, records) = read_declared(&source, &stream, &bindings(&stream, &simulator))
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", stream.name));
        assert_eq!(end, ReadEnd::Complete, "{}", stream.name);
        assert!(!records.is_empty(), "{}", stream.name);
        assert!(records.iter().all(|record| !record.key.is_nameless()), "{}", stream.name);
        let keys = super::keys(&records).len();
        assert!(
            expected(&stream, &simulator).is_none_or(|expected| expected == keys),
            "{} {keys}",
            stream.name
        );
        assert_objects_with_what_is_added(&stream, &records);
    }
    assert_eq!(source.usage().total, simulator.control().count());
    simulator.stop().await;
}

fn assert_objects_with_what_is_added(stream: &Declaration, records: &[SourceRecord]) {
    for record in records {
        let value: Value = serde_json::from_slice(&record.data).unwrap();
        let fields = stream.adds.keys().chain(stream.key.names());
        for field in fields {
            assert!(!value[field].is_null(), "{} without {field}: {value}", stream.name);
        }
    }
}
