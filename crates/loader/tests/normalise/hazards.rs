//! Values that break naive pipelines.

use std::collections::BTreeMap;

use clarion_core::{ColumnType, Op, StreamName};
use clarion_loader::Normaliser;
use serde_json::{Value, json};

use super::readback::{change_of, entry, fresh, loaded_at, normalise, rows_of, schemas_of, table};

const CUSTOM: StreamName = StreamName::of("people");

fn one(data: &str) -> Value {
    let change = normalise(&mut fresh(), &[entry(&CUSTOM, "k", data)]);
    rows_of(&change, "people").remove(0)
}

/// Written by hand; the end-to-end tests read the same from every destination with readers that are not ours.
const CORPUS: &str = include_str!("../../../../tests/hazards.json");

fn corpus(of: &str) -> Vec<(String, Value, Value)> {
    let corpus: Value = serde_json::from_str(CORPUS).unwrap();
    let hazard = |hazard: &Value| {
        (hazard["wire"].as_str().unwrap().to_owned(), hazard["shown"].clone(), hazard["type"].clone())
    };
    corpus[of].as_array().unwrap().iter().map(hazard).collect()
}

#[test]
fn every_text_and_time_of_the_corpus_is_what_it_should_be() {
    for (wire, shown, _) in corpus("texts") {
        let change =
            normalise(&mut fresh(), &[entry(&StreamName::CALLS, "k", &format!("{{\"title\":{wire}}}"))]);
        assert_eq!(rows_of(&change, "calls")[0]["title"], shown, "{wire}");
    }
    for (wire, shown, _) in corpus("times") {
        let data = format!("{{\"original_start_time\":{wire}}}");
        let change = normalise(&mut fresh(), &[entry(&StreamName::CALLS, "k", &data)]);
        assert_eq!(rows_of(&change, "calls")[0]["original_start_time"], shown, "{wire}");
        assert_eq!(change.rejected.len(), usize::from(shown.is_null()), "{wire}");
    }
}

#[test]
fn every_number_of_the_corpus_has_its_type() {
    for (wire, _, kind) in corpus("numbers") {
        let change = normalise(&mut fresh(), &[entry(&CUSTOM, "k", &format!("{{\"n\":{wire}}}"))]);
        let column = table(&change, "people").schema.column("n").unwrap().kind.clone();
        let expected = match kind.as_str().unwrap() {
            "integer" => matches!(column, ColumnType::Integer | ColumnType::BigInteger),
            "double" => column == ColumnType::Double,
            "boolean" => column == ColumnType::Boolean,
            _ => column == ColumnType::Text,
        };
        assert!(expected, "{wire} is {column:?}");
    }
}

#[test]
fn text_that_utf8_cannot_hold_is_mended_and_the_rest_kept() {
    let row = one(r#"{"a":"x\u0000y","b":"\ud83d","c":"😀 שלום \"q\"\n","d":{"e":"\u0000"}}"#);
    assert_eq!(row["a"], "x\u{fffd}y");
    assert_eq!(row["b"], "\u{fffd}");
    assert_eq!(row["c"], "😀 שלום \"q\"\n");
    assert_eq!(row["d"]["e"], "\u{fffd}");
}

#[test]
fn integers_never_pass_through_doubles() {
    let data = r#"{"exact":9007199254740992,"past":9007199254740993,"max":9223372036854775807,"huge":12345678901234567890}"#;
    let change = normalise(&mut fresh(), &[entry(&CUSTOM, "k", data)]);
    let schema = &table(&change, "people").schema;
    assert_eq!(schema.column("exact").unwrap().kind, ColumnType::Integer);
    assert_eq!(schema.column("past").unwrap().kind, ColumnType::BigInteger);
    let row = rows_of(&change, "people").remove(0);
    assert_eq!(row["past"], 9_007_199_254_740_993_i64);
    assert_eq!(row["max"], i64::MAX);
    assert_eq!(row["huge"], "12345678901234567890");
}

#[test]
fn a_contract_time_that_is_none_is_null_and_reported_without_its_value() {
    for wrong in ["soon", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z"] {
        let call =
            json!({"id": "k", "time": wrong, "bookmark_timestamps": ["x", "2026-01-01T00:00:00Z", "y"]});
        let change = change_of(&StreamName::CALLS, &call);
        let row = rows_of(&change, "calls").remove(0);
        assert_eq!(row["time"], Value::Null);
        assert_eq!(row["bookmark_timestamps"], json!([null, "2026-01-01T00:00:00.000000Z", null]));
        let reasons: Vec<&str> = change.rejected.iter().map(|rejected| rejected.reason.as_str()).collect();
        assert_eq!(reasons, ["time: not a time", "bookmark_timestamps: not a time"]);
    }
}

#[test]
fn a_record_that_is_no_object_is_rejected_and_the_rest_goes_on() {
    let entries =
        [entry(&CUSTOM, "a", "{\"cut\":"), entry(&CUSTOM, "b", "[1]"), entry(&CUSTOM, "c", "{\"x\":1}")];
    let change = normalise(&mut fresh(), &entries);
    assert_eq!(rows_of(&change, "people").len(), 1);
    assert_eq!(change.rejected.len(), 2);
    assert_eq!(change.records, 3);
}

#[test]
fn missing_null_and_empty_say_nothing_in_fields_that_nobody_declared() {
    let change =
        change_of(&CUSTOM, &json!({"a": null, "b": [], "c": {}, "d": [[], {}], "e": {"f": []}, "g": ""}));
    let schema = &table(&change, "people").schema;
    let names: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(&names[..2], ["id", "g"]);
    assert_eq!(names.len(), 2 + 5);
    let call =
        rows_of(&change_of(&StreamName::CALLS, &json!({"contact_names": [], "crm_info": {}})), "calls")
            .remove(0);
    assert_eq!(call["contact_names"], json!([]), "a declared list keeps the difference");
    assert!(call["crm_info"].is_object());
    assert_eq!(call["users"], Value::Null);
}

#[test]
fn a_long_text_and_a_list_where_text_was_are_kept() {
    let long = "é".repeat(2_500_000);
    let change = change_of(&StreamName::CALLS, &json!({"title": long, "deal_name": ["a", {"b": 1}]}));
    let row = rows_of(&change, "calls").remove(0);
    assert_eq!(row["title"].as_str().unwrap().len(), 5_000_000);
    assert_eq!(row["deal_name"], r#"["a",{"b":1}]"#);
    assert_eq!(table(&change, "calls").schema.column("deal_name").unwrap().kind, ColumnType::Json);
}

#[test]
fn declared_columns_widen_and_keep_strings_verbatim() {
    let call = json!({
        "title": "2024-11-20T13:00:00Z", "deal_value": 10.50, "status": true,
        "metrics": {"call_duration": "long", "talk_listen_ratio": 1, "num_questions_asked": 2.5},
    });
    let change = change_of(&StreamName::CALLS, &call);
    let row = rows_of(&change, "calls").remove(0);
    assert_eq!(row["title"], "2024-11-20T13:00:00Z");
    assert_eq!((&row["deal_value"], &row["status"]), (&json!("10.5"), &json!("true")));
    assert_eq!((&row["call_duration"], &row["metrics"]["call_duration"]), (&json!("long"), &json!("long")));
    assert_eq!((&row["num_questions_asked"], &row["talk_listen_ratio"]), (&json!(2.5), &json!(1.0)));
}

#[test]
fn names_that_collide_or_are_ours_get_a_suffix_of_their_own() {
    let change =
        change_of(&CUSTOM, &json!({"fooBar": 1, "foo_bar": "x", "_run_id": 2, "callMonth": 3, "ID": 4}));
    let row = rows_of(&change, "people").remove(0);
    assert_eq!(row["id"], "k");
    assert_eq!(row["_run_id"], "20261120T110000-test");
    let values: Vec<&Value> = row.as_object().unwrap().values().collect();
    for value in [json!(1), json!("x"), json!(2), json!(3), json!(4)] {
        assert!(values.contains(&&value), "{value} in {row}");
    }
    assert!(row.get("call_month").is_none());
}

#[test]
fn a_destination_keeps_its_wider_types_and_its_columns() {
    let first = change_of(&CUSTOM, &json!({"a": "text", "b": 1}));
    let mut second = Normaliser::new(&schemas_of(&first), loaded_at());
    let change = normalise(&mut second, &[entry(&CUSTOM, "k", r#"{"a":5.0,"c":true}"#)]);
    let row = rows_of(&change, "people").remove(0);
    assert_eq!((&row["a"], &row["b"], &row["c"]), (&json!("5"), &Value::Null, &json!(true)));
    let again = Normaliser::new(&schemas_of(&change), loaded_at());
    assert_eq!(again.schemas()[&CUSTOM.table()], table(&change, "people").schema);
}

#[test]
fn new_fields_of_child_objects_become_their_columns() {
    let call =
        json!({"transcript": [{"text": "a", "personId": "7", "start": "01:33", "mood": "calm"}, null, "x"]});
    let change = change_of(&StreamName::CALL_DETAILS, &call);
    let rows = rows_of(&change, "transcript_turns");
    assert_eq!(rows.len(), 1);
    assert_eq!((&rows[0]["mood"], &rows[0]["start_seconds"]), (&json!("calm"), &json!(93.0)));
    assert_eq!((&rows[0]["person_id"], &rows[0]["speaker_name"]), (&json!(7), &Value::Null));
    assert_eq!(rows_of(&change, "call_details")[0]["transcript_text"], "Speaker 7: a");
    assert_eq!(change.rejected[0].reason, "transcript: an item is not an object");
}

#[test]
fn a_deleted_record_is_a_tombstone_in_all_its_tables() {
    let mut deleted = entry(&StreamName::CALLS, "gone", "");
    deleted.op = Op::Delete;
    let change = normalise(&mut fresh(), &[deleted, entry(&StreamName::CALLS, "here", "{}")]);
    assert_eq!(change.tables.len(), 4);
    for table in &change.tables {
        assert_eq!(table.tombstones.len(), 1, "{}", table.schema.table);
        assert_eq!(table.tombstones[0].key.as_str(), "gone");
        assert_eq!(table.parents.len(), usize::from(table.schema.parent.is_some()));
    }
    assert_eq!(rows_of(&change, "calls").len(), 1);
}

#[test]
fn unknown_privacy_counts_as_private() {
    let mut entries = ["a", "b", "c"].map(|key| entry(&StreamName::CALLS, key, "{}"));
    entries[0].private = Some(false);
    entries[1].private = Some(true);
    let rows = rows_of(&normalise(&mut fresh(), &entries), "calls");
    let private: Vec<bool> = rows.iter().map(|row| row["is_private"].as_bool().unwrap()).collect();
    assert_eq!(private, [false, true, true]);
}

#[test]
fn an_object_with_data_for_names_is_kept_as_json() {
    let names: BTreeMap<String, u32> = (0..300).map(|n| (format!("id{n:03}"), n)).collect();
    let change = change_of(&CUSTOM, &json!({"by_id": names}));
    assert_eq!(table(&change, "people").schema.column("by_id").unwrap().kind, ColumnType::Json);
    let deep = "[".repeat(60) + "1" + &"]".repeat(60);
    let row = one(&format!("{{\"deep\":{deep}}}"));
    assert!(row["deep"].to_string().contains('1'));
}

#[test]
fn rows_come_sorted_by_time_then_key_whatever_the_index_said() {
    let call = |key: &str, time: &str, turns: usize| {
        let turns = vec![json!({"text": key}); turns];
        entry(&StreamName::CALL_DETAILS, key, &json!({"time": time, "transcript": turns}).to_string())
    };
    let entries = [
        call("late", "2026-03-01T00:00:00Z", 2),
        call("b", "2026-02-01T00:00:00Z", 0),
        call("a", "2026-02-01T00:00:00Z", 3),
        call("none", "soon", 1),
    ];
    let change = normalise(&mut fresh(), &entries);
    let column = |table: &str, column: &str| -> Vec<String> {
        rows_of(&change, table).iter().map(|row| row[column].as_str().unwrap_or("-").to_owned()).collect()
    };
    assert_eq!(column("call_details", "id"), ["none", "a", "b", "late"]);
    assert_eq!(column("transcript_turns", "text"), ["none", "a", "a", "a", "late", "late"]);
}
