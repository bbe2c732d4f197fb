//! The real workspace: every record of every stream in both destinations, and what that costs.

use std::collections::BTreeSet;

use chrono::DateTime;
use clarion_simulator::{Control, Options};
use serde_json::{Value, json};

use super::asked;
use crate::harness::{Layout, Tables, Workspace, lake_tables, real_data, simulate, small, warehouse_tables};

/// The moment of the data, see its `server_side.json`.
const NOW: &str = "2026-11-13T16:20:00Z";
/// Streams by the collection that holds their records, and their key.
const COLLECTIONS: [(&str, &str, &str); 7] = [
    ("teams", "teams", "id"),
    ("topics_v2", "topics", "topic_id"),
    ("scorecards", "scorecards", "id"),
    ("scorecard_templates", "scorecard_templates", "id"),
    ("playlists", "playlists", "id"),
    ("accounts", "accounts", "id"),
    ("opportunities", "opportunities", "id"),
];
const BY_ID: [(&str, &str, &str); 3] = [
    ("crm_accounts", "accounts", "account_id"),
    ("crm_deals", "opportunities", "deal_id"),
    ("crm_contacts", "contacts", "contact_ids"),
];

#[tokio::test]
async fn every_record_of_the_real_workspace_arrives_and_costs_what_it_must() {
    let Some(data) = real_data() else { return };
    let simulator = simulate(Options { data: Some(data), ..small(0) }).await;
    let control = simulator.control();
    control.set_now(NOW.parse().unwrap());
    let layout = Layout { declared: true, ..Layout::both().await };
    let workspace = Workspace::new(&simulator.url(), layout);
    let ran = workspace.run_with_env(&[("CLARION_TEST_NOW", NOW)], &["sync"]).expect(0);
    assert_eq!((ran.text("/outcome"), &ran.json["warnings"]), ("done", &json!([])));

    let asked = asked(&control);
    let (by_id, others): (Vec<_>, Vec<_>) = asked.iter().partition(|(path, _)| path.starts_with("/get-"));
    let others: u64 = others.into_iter().map(|(_, requests)| requests).sum();
    assert!(others < 100, "{others} requests: {asked:?}");
    let ids: usize = BY_ID.iter().map(|(_, _, field)| crm_ids(&control, field).len()).sum();
    assert_eq!(by_id.into_iter().map(|(_, requests)| requests).sum::<u64>(), ids as u64, "one an id");

    check(&control, &lake_tables(&workspace.lake()));
    if let Some(database) = workspace.warehouse() {
        check(&control, &warehouse_tables(database).await);
    }
    assert_eq!(
        workspace.run_with_env(&[("CLARION_TEST_NOW", NOW)], &["verify"]).expect(0).json["agrees"],
        true
    );

    // Nothing is due yet but the users.
    control.reset_log();
    let before = lake_tables(&workspace.lake());
    workspace.run_with_env(&[("CLARION_TEST_NOW", "2026-11-13T22:20:00Z")], &["sync"]).expect(0);
    assert_eq!(super::asked(&control), [("/users".to_owned(), 1)].into());
    // A day later what is due is asked for again, and nothing of it is new but the last days.
    control.reset_log();
    let ran = workspace.run_with_env(&[("CLARION_TEST_NOW", "2026-11-14T16:20:00Z")], &["sync"]).expect(0);
    let asked = super::asked(&control);
    assert_eq!((asked["/stats"], asked["/stats/aggregate"], asked["/teams"]), (1, 1, 1), "{asked:?}");
    assert!(asked.keys().all(|path| !path.starts_with("/get-")), "{asked:?}");
    let changed = ran.json["streams"].as_object().unwrap().iter();
    let changed = changed.filter(|(_, counts)| counts["new"] != 0 || counts["changed"] != 0);
    assert_eq!(changed.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["aggregate_stats", "user_stats"]);
    let after = lake_tables(&workspace.lake());
    for (name, rows) in &before {
        assert!(name.ends_with("_stats") || after[name] == *rows, "{name} changed");
    }
}

fn check(control: &Control, tables: &Tables) {
    for (stream, collection, key) in COLLECTIONS {
        let rows: Vec<&Value> = tables[stream].iter().collect();
        let records = control.collection(collection);
        assert_eq!(rows.len(), records.len(), "{stream}");
        for record in &records {
            same(stream, record, find(&rows, key, &record[key]));
        }
    }
    for (stream, collection, field) in BY_ID {
        let rows: Vec<&Value> = tables[stream].iter().collect();
        let ids = crm_ids(control, field);
        let records = control.collection(collection);
        let there: Vec<&Value> =
            records.iter().filter(|record| ids.contains(record["crm_id"].as_str().unwrap())).collect();
        assert_eq!(rows.len(), there.len(), "{stream}");
        for record in there {
            same(stream, record, find(&rows, "crm_id", &record["crm_id"]));
        }
    }
    check_children(control, tables);
    check_stats(control, tables);
}

fn check_children(control: &Control, tables: &Tables) {
    let answers: usize = control
        .collection("scorecards")
        .iter()
        .map(|card| card["questions_score"].as_array().map_or(0, Vec::len))
        .sum();
    assert_eq!(tables["scorecard_answers"].len(), answers);
    let names: BTreeSet<String> = control
        .collection("topics")
        .iter()
        .filter(|topic| topic["keyword_topic"].is_object())
        .map(|topic| topic["topic_name"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(BTreeSet::from_iter(super::texts(&tables["topics"], "name")), names);
    let listed: BTreeSet<(String, String)> = tables["playlist_calls"]
        .iter()
        .map(|row| (row["playlist_id"].as_str().unwrap().to_owned(), row["id"].as_str().unwrap().to_owned()))
        .collect();
    let mut expected = BTreeSet::new();
    let calls: BTreeSet<String> = control.call_ids().into_iter().collect();
    for playlist in control.collection("playlists") {
        for call in playlist["call_ids"].as_array().unwrap() {
            let call = call.as_str().unwrap();
            if calls.contains(call) {
                expected.insert((playlist["id"].as_str().unwrap().to_owned(), call.to_owned()));
            }
        }
    }
    assert_eq!(listed, expected);
    assert_eq!(tables["playlist_calls"].len(), listed.len());
}

/// Each window's figures, counted from the calls themselves.
fn check_stats(control: &Control, tables: &Tables) {
    let days: Vec<String> = control
        .truth()
        .iter()
        .filter_map(|call| Some(call["time"].as_str()?.get(..10)?.to_owned()))
        .collect();
    assert!(tables["aggregate_stats"].len() > 20, "months and the last days");
    for row in &tables["aggregate_stats"] {
        let (from, to) = (day(&row["window_from"]), day(&row["window_to"]));
        let calls = days.iter().filter(|day| (from.as_str()..=to.as_str()).contains(&day.as_str())).count();
        assert_eq!(row["total_calls"], json!(calls), "{from} to {to}");
    }
    assert!(tables["user_stats"].iter().all(|row| row["email"].is_string() && row["total_calls"] != 0));
}

fn crm_ids(control: &Control, field: &str) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for call in control.truth() {
        match &call["crm_info"][field] {
            Value::String(id) => drop(ids.insert(id.clone())),
            Value::Array(some) => ids.extend(some.iter().filter_map(|id| id.as_str().map(str::to_owned))),
            _ => {}
        }
    }
    ids
}

fn find<'r>(rows: &[&'r Value], key: &str, value: &Value) -> &'r Value {
    rows.iter().find(|row| row[key] == *value).unwrap_or_else(|| panic!("{value} is missing"))
}

fn same(stream: &str, record: &Value, row: &Value) {
    for (field, value) in record.as_object().unwrap() {
        assert_eq!(plain(&row[field]), plain(value), "{stream}: {field} of {record}");
    }
}

/// Null, missing and empty being the same, and times in one spelling.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(fields.filter(|(_, value)| !value.is_null()).collect())
        }
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::String(text) => {
            let time = DateTime::parse_from_rfc3339(text);
            time.map_or_else(|_| value.clone(), |time| json!(time.timestamp_micros()))
        }
        Value::Number(number) => json!(number.as_f64()),
        other => other.clone(),
    }
}

fn day(value: &Value) -> String {
    value.as_str().unwrap().get(..10).unwrap().to_owned()
}
