//! Streams besides calls and users: every field of the real records in its column, under the key of the stream.

use clarion_core::{ChangeSet, Entry, StreamName, format_timestamp, parse_timestamp};
use serde_json::{Value, json};

use super::readback::{change_of, entry, fresh, loaded_at, normalise, rows_of, table};
use super::real::data;

#[test]
fn every_field_of_the_real_records_is_in_its_column() {
    for (stream, file, list, key) in [
        ("scorecards", "scorecards", "scorecards", "id"),
        ("scorecard_templates", "scorecard_templates", "scoreCardTemplates", "id"),
        ("topics_v2", "topics", "topics", "topic_id"),
        ("teams", "teams", "teams", "id"),
        ("playlists", "playlists", "playlists", "id"),
        ("accounts", "accounts", "accounts", "id"),
        ("opportunities", "opportunities", "opportunities", "id"),
        ("crm_accounts", "accounts", "accounts", "crm_id"),
        ("crm_deals", "opportunities", "opportunities", "crm_id"),
        ("crm_contacts", "contacts", "contacts", "crm_id"),
    ] {
        let Some(records) = real(file, list) else { return };
        let change = load(stream, &records, |record| record[key].as_str().unwrap().to_owned());
        assert!(change.rejected.is_empty(), "{stream}: {:?}", change.rejected);
        assert_eq!(table(&change, stream).schema.key, [key]);
        let rows = rows_of(&change, stream);
        assert_eq!(rows.len(), records.len());
        for row in &rows {
            let record = records.iter().find(|record| record[key] == row[key]).unwrap();
            for (field, value) in record.as_object().unwrap() {
                assert_eq!(plain(&row[field]), plain(value), "{field} of {stream} {}", row[key]);
            }
        }
    }
}

#[test]
fn answers_are_rows_under_their_scorecard_and_have_no_time_of_a_call() {
    let Some(cards) = real("scorecards", "scorecards") else { return };
    let change = load("scorecards", &cards, |card| card["id"].as_str().unwrap().to_owned());
    let schema = &table(&change, "scorecard_answers").schema;
    assert_eq!((schema.key.join(","), schema.time.as_deref()), ("scorecard_id,idx".to_owned(), None));
    assert_eq!(schema.parent.as_deref(), Some("scorecard_id"));
    let rows = rows_of(&change, "scorecard_answers");
    assert_eq!(
        rows.len(),
        cards.iter().map(|card| card["questions_score"].as_array().map_or(0, Vec::len)).sum::<usize>()
    );
    for row in &rows {
        assert!(row.get("call_time").is_none());
        let card = cards.iter().find(|card| card["id"] == row["scorecard_id"]).unwrap();
        let answer = &card["questions_score"][row["idx"].as_u64().unwrap() as usize];
        for field in ["skill", "label", "score", "order"] {
            assert_eq!(row[field], answer[field]);
        }
    }
}

#[test]
fn a_name_that_was_a_plain_text_is_the_key_of_topics() {
    let topic = entry(&StreamName::of("topics"), "Pricing", r#"{"name":"Pricing"}"#);
    let change = normalise(&mut fresh(), &[topic]);
    assert_eq!(rows_of(&change, "topics")[0]["name"], "Pricing");
    assert_eq!(table(&change, "topics").schema.key, ["name"]);
}

#[test]
fn several_key_fields_stay_columns_beside_the_joint_key() {
    let figures =
        r#"{"email":"a@example.com","total_calls":3,"window_from":"2026-10-01","window_to":"2026-10-31"}"#;
    let key = r#"["a@example.com","2026-10-01","2026-10-31"]"#;
    let change = normalise(&mut fresh(), &[entry(&StreamName::of("user_stats"), key, figures)]);
    assert!(change.rejected.is_empty(), "{:?}", change.rejected);
    let row = &rows_of(&change, "user_stats")[0];
    assert_eq!((&row["_key"], &row["email"]), (&json!(key), &json!("a@example.com")));
    assert_eq!(row["window_from"], "2026-10-01T00:00:00.000000Z");
    assert_eq!(row["window_to"], "2026-10-31T00:00:00.000000Z");
    assert_eq!(
        (&row["total_calls"], &table(&change, "user_stats").schema.key),
        (&json!(3), &vec!["_key".to_owned()])
    );
    let odd =
        change_of(&StreamName::of("aggregate_stats"), &json!({"window_from": "soon", "active_users": 2}));
    assert_eq!(odd.rejected[0].reason, "window_from: not a day");
}

#[test]
fn a_stream_of_configuration_has_the_key_that_it_declares() {
    let stream = StreamName::of("people");
    let declared = |key: &[&str]| {
        let keys = [(stream.clone(), key.iter().map(|field| (*field).to_owned()).collect())].into();
        let mut normaliser = clarion_loader::Normaliser::with_keys(&[].into(), loaded_at(), keys);
        let record = entry(&stream, "k", r#"{"userId":"k","Site":"x","id":5}"#);
        let change = normalise(&mut normaliser, &[record]);
        (table(&change, "people").schema.key.join(","), rows_of(&change, "people")[0].clone())
    };
    let (key, row) = declared(&["userId"]);
    assert_eq!(
        (key.as_str(), &row["user_id"], &row["id"], &row["site"]),
        ("user_id", &json!("k"), &json!(5), &json!("x"))
    );
    let (key, row) = declared(&["userId", "Site"]);
    assert_eq!(
        (key.as_str(), &row["_key"], &row["user_id"], &row["id"]),
        ("_key", &json!("k"), &json!("k"), &json!(5))
    );
    // A key may be called like a column of ours.
    assert!(declared(&["_position"]).0.starts_with("_position_"));
}

fn load(stream: &'static str, records: &[Value], key: impl Fn(&Value) -> String) -> ChangeSet {
    let stream = StreamName::of(stream);
    let entries: Vec<Entry> =
        records.iter().map(|record| entry(&stream, &key(record), &record.to_string())).collect();
    normalise(&mut fresh(), &entries)
}

fn real(file: &str, list: &str) -> Option<Vec<Value>> {
    let text = std::fs::read(data()?.join(format!("{file}.json"))).unwrap();
    let file: Value = serde_json::from_slice(&text).unwrap();
    Some(file[list].as_array().unwrap().clone())
}

/// Null, missing and, where nobody declared them, empty being the same, and times in one spelling.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let said = fields.iter().map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(said.filter(|(_, value)| !value.is_null()).collect())
        }
        Value::Array(items) if items.is_empty() => Value::Null,
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::String(text) => {
            parse_timestamp(text).map_or(value.clone(), |time| json!(format_timestamp(time)))
        }
        other => other.clone(),
    }
}
