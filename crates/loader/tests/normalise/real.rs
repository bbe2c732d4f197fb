//! Real conversations: every field of every table compared with the source.

use std::io::{Read as _, Write as _};
use std::path::PathBuf;

use clarion_core::{ChangeSet, Entry, StreamName, format_timestamp, parse_timestamp};
use flate2::read::GzDecoder;
use serde_json::{Value, json};

use super::readback::{entry, fresh, normalise, rows_of};

/// Fields that only `GET /call-details` has.
const DETAILS_ONLY: [&str; 4] = ["transcript", "summary", "competitor_sentiments", "deal_stage_live"];

#[test]
fn every_field_of_the_real_calls_is_in_the_tables() {
    let Some(calls) = real_calls() else { return };
    let listed: Vec<Value> = calls.iter().map(listed).collect();
    let change = load(&StreamName::CALLS, &listed);
    assert!(change.rejected.is_empty(), "{:?}", change.rejected);
    let rows = rows_of(&change, "calls");
    assert_eq!(rows.len(), calls.len());
    for (row, call) in rows.iter().zip(sorted(&listed)) {
        assert_eq!(row["id"], call["id"]);
        assert_columns(row, call);
    }
    assert_participants(&rows_of(&change, "call_participants"), &sorted(&listed));
    assert_topics(&change, &sorted(&listed));
}

#[test]
fn every_field_of_the_real_details_is_in_the_tables() {
    let Some(calls) = real_calls() else { return };
    let change = load(&StreamName::CALL_DETAILS, &calls);
    assert!(change.rejected.is_empty(), "{:?}", change.rejected);
    let rows = rows_of(&change, "call_details");
    let calls = sorted(&calls);
    for (row, call) in rows.iter().zip(&calls) {
        assert_columns(row, call);
        // Not assert_eq: nobody wants to read two whole transcripts.
        assert!(row["transcript_text"] == transcript_text(call), "transcript of {}", call["id"]);
    }
    assert_turns(&rows_of(&change, "transcript_turns"), &calls);
    let topics = rows_of(&change, "topics_discussed");
    assert_list(&topics, &calls, "/summary/topics_discussed", &[("name", "name"), ("summary", "summary")]);
    assert_list(&topics, &calls, "/summary/topics_discussed", &[("start_timestamp", "start_timestamp")]);
    let actions = [
        ("action_item", "action_item"),
        ("speaker_name", "speaker_name"),
        ("end_timestamp", "end_timestamp"),
    ];
    assert_list(&rows_of(&change, "action_items"), &calls, "/summary/key_action_items", &actions);
    let sentiments = rows_of(&change, "competitor_sentiments");
    let columns =
        [("competitor_name", "competitor_name"), ("sentiment", "sentiment"), ("reasoning", "reasoning")];
    assert_list(&sentiments, &calls, "/competitor_sentiments", &columns);
    assert!(sentiments.iter().all(|row| row["person_id"].is_i64() && row["speaker_name"].is_string()));
    assert!(topics.iter().all(|row| row["start_seconds"].is_f64()));
}

#[test]
fn every_field_of_the_real_users_is_in_the_table() {
    let Some(folder) = data() else { return };
    let users: Value = serde_json::from_slice(&std::fs::read(folder.join("users.json")).unwrap()).unwrap();
    let users = users["users"].as_array().unwrap().clone();
    let change = load(&StreamName::USERS, &users);
    let mut rows = rows_of(&change, "users");
    rows.sort_by_key(|row| users.iter().position(|user| user["id"] == row["id"]));
    assert_eq!(rows.len(), users.len());
    for (row, user) in rows.iter().zip(&users) {
        assert_columns(row, user);
    }
}

fn load(stream: &StreamName, records: &[Value]) -> ChangeSet {
    let entries: Vec<Entry> = records
        .iter()
        .map(|record| entry(stream, record["id"].as_str().unwrap(), &record.to_string()))
        .collect();
    normalise(&mut fresh(), &entries)
}

/// Every vendor field, null and missing being the same, in its column.
fn assert_columns(row: &Value, record: &Value) {
    for (field, value) in record.as_object().unwrap() {
        if field == "transcript" {
            continue;
        }
        let column = match field.as_str() {
            "externalParticipants" => "external_participants",
            "joinedParticipants" => "joined_participants",
            other => other,
        };
        let is_time = field.ends_with("time") || field == "deal_close_date" || field == "bookmark_timestamps";
        let expected = if is_time { times(value) } else { without_nulls(value) };
        assert_eq!(without_nulls(&row[column]), expected, "{} of {}", field, record["id"]);
    }
    for (column, path) in [("crm_deal_id", "/crm_info/deal_id"), ("call_duration", "/metrics/call_duration")]
    {
        if row.get(column).is_some() {
            assert_eq!(row[column], *record.pointer(path).unwrap_or(&Value::Null), "{column}");
        }
    }
}

fn assert_participants(rows: &[Value], calls: &[&Value]) {
    let mut rows = rows.iter();
    for call in calls {
        let joined = list(call, "/joinedParticipants");
        let has_joined = |person: &Value| joined.iter().any(|other| other["personId"] == person["personId"]);
        let invited = ["/users", "/externalParticipants"];
        let mut index = 0;
        for (path, role, internal) in [(invited[0], "user", true), (invited[1], "external", false)] {
            for person in list(call, path) {
                let row = rows.next().unwrap();
                let email = person.get("userEmail").or(person.get("email")).unwrap_or(&Value::Null);
                assert_eq!((&row["call_id"], &row["idx"]), (&call["id"], &json!(index)));
                assert_eq!((&row["role"], &row["is_internal"]), (&json!(role), &json!(internal)));
                assert_eq!((&row["email"], &row["person_id"]), (email, &person["personId"]));
                assert_eq!(row["joined"], json!(has_joined(person)));
                assert_eq!(row["user_id"], person["userId"]);
                assert_eq!(row["call_time"], times(&call["time"]));
                index += 1;
            }
        }
        let everybody: Vec<&Value> = invited.into_iter().flat_map(|path| list(call, path)).collect();
        for person in joined
            .iter()
            .filter(|person| !everybody.iter().any(|other| other["personId"] == person["personId"]))
        {
            let row = rows.next().unwrap();
            assert_eq!(
                (&row["role"], &row["is_internal"], &row["name"]),
                (&json!("joined"), &Value::Null, &person["name"])
            );
        }
    }
    assert!(rows.next().is_none());
}

fn assert_topics(change: &ChangeSet, calls: &[&Value]) {
    let mentions = rows_of(change, "topic_mentions");
    let columns = [("name", "name"), ("occurences", "occurences"), ("ai_detected", "ai_detected")];
    assert_list(&mentions, calls, "/metrics/categories", &columns);
    let mut phrases = rows_of(change, "topic_phrases").into_iter();
    for call in calls {
        for (topic, category) in list(call, "/metrics/categories").iter().enumerate() {
            for (index, phrase) in list(category, "/phrases_matched").iter().enumerate() {
                let row = phrases.next().unwrap();
                assert_eq!((&row["topic_idx"], &row["idx"]), (&json!(topic), &json!(index)));
                assert_eq!((&row["text"], &row["speaker_name"]), (&phrase["text"], &phrase["name"]));
                assert_eq!((&row["seconds"], &row["user_id"]), (&phrase["time"], &phrase["user_id"]));
            }
        }
    }
    assert!(phrases.next().is_none());
}

fn assert_turns(rows: &[Value], calls: &[&Value]) {
    let columns =
        [("text", "text"), ("start_seconds", "start"), ("end_seconds", "end"), ("person_id", "personId")];
    assert_list(rows, calls, "/transcript", &columns);
    let mut rows = rows.iter();
    for call in calls {
        for turn in list(call, "/transcript") {
            let row = rows.next().unwrap();
            let (name, internal) = speaker(call, &turn["personId"]);
            assert_eq!((&row["speaker_name"], &row["is_internal"]), (&name, &internal));
            assert_eq!(without_nulls(&row["annotations"]), without_nulls(&turn["annotations"]));
        }
    }
}

/// The rows are the items of a list of each call, one after the other.
fn assert_list(rows: &[Value], calls: &[&Value], path: &str, columns: &[(&str, &str)]) {
    let mut rows = rows.iter();
    for call in calls {
        for (index, item) in list(call, path).iter().enumerate() {
            let row = rows.next().unwrap();
            assert_eq!((&row["call_id"], &row["idx"]), (&call["id"], &json!(index)));
            for (column, field) in columns {
                assert_eq!(row[*column], item[*field], "{column} of {}", call["id"]);
            }
        }
    }
    assert!(rows.next().is_none(), "more rows than items");
}

fn transcript_text(call: &Value) -> Value {
    let line = |turn: &Value| {
        let (name, _) = speaker(call, &turn["personId"]);
        let name = name.as_str().or_else(|| email(call, &turn["personId"]));
        let name = name.map_or_else(|| format!("Speaker {}", turn["personId"]), str::to_owned);
        format!("{name}: {}", turn["text"].as_str().unwrap())
    };
    let lines: Vec<String> = list(call, "/transcript").iter().map(line).collect();
    if lines.is_empty() { Value::Null } else { json!(lines.join("\n")) }
}

fn speaker(call: &Value, id: &Value) -> (Value, Value) {
    let find = |path| list(call, path).iter().find(|person| person["personId"] == *id);
    let joined = find("/joinedParticipants").map_or(Value::Null, |person| person["name"].clone());
    if find("/users").is_some() {
        return (joined, json!(true));
    }
    find("/externalParticipants")
        .map_or((joined, Value::Null), |person| (person["name"].clone(), json!(false)))
}

fn email<'a>(call: &'a Value, id: &Value) -> Option<&'a str> {
    let people = ["/users", "/externalParticipants"].into_iter().flat_map(|path| list(call, path));
    let person = people.into_iter().find(|person| person["personId"] == *id)?;
    person.get("userEmail").or(person.get("email"))?.as_str()
}

fn list<'a>(value: &'a Value, path: &str) -> &'a [Value] {
    value.pointer(path).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn listed(call: &Value) -> Value {
    let fields = call.as_object().unwrap().iter().filter(|(name, _)| !DETAILS_ONLY.contains(&name.as_str()));
    Value::Object(fields.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// As tables sort them.
fn sorted(calls: &[Value]) -> Vec<&Value> {
    let mut calls: Vec<&Value> = calls.iter().collect();
    calls.sort_by_key(|call| (call["time"].as_str().and_then(parse_timestamp), call["id"].as_str()));
    calls
}

fn times(value: &Value) -> Value {
    match value {
        Value::String(text) => json!(parse_timestamp(text).map(format_timestamp)),
        Value::Array(items) => items.iter().map(times).collect(),
        other => other.clone(),
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let present = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(present.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn real_calls() -> Option<Vec<Value>> {
    let file = std::fs::File::open(data()?.join("calls.jsonl.gz")).unwrap();
    let mut lines = String::new();
    GzDecoder::new(file).read_to_string(&mut lines).unwrap();
    Some(lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
}

pub(crate) fn data() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    if folder.exists() {
        return Some(folder);
    }
    assert!(option_env!("CI").is_none(), "no real conversations at {}", folder.display());
    // Not through `eprintln`, which the test runner keeps to itself.
    let _ = writeln!(std::io::stderr(), "SKIPPED: no real conversations at {}", folder.display());
    None
}
