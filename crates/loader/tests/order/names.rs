//! Fields whose names no column can have as they are.

use std::collections::BTreeSet;

use clarion_core::testing::destination::Readback;
use clarion_core::{ColumnNames, Entry, StreamName};
use serde_json::{Map, Value, json};

use super::drive::{rebuilt, tables};
use crate::normalise::{entry, wide};
use crate::parquet::Lake;
use crate::postgres::Database;

const PEOPLE: StreamName = StreamName::of("people");

/// Each value is the field's own name. In this order, or in the other.
fn record(backwards: bool) -> Entry {
    let long = "é".repeat(40);
    let mut names = vec![
        "fooBar",
        "foo_bar",
        "FooBar",
        "FOO_BAR",
        "foo bar",
        "select",
        "Order",
        "xmin",
        "ctid",
        "tableoid",
        "callMonth",
        "_position",
        "_clarion_wide_1",
        "",
        "1st",
        "sp ace",
        "qu\"ote",
        "ünï",
        "ÜNÏ",
        "\u{1F600}",
    ];
    names.push(&long);
    let longer = format!("{long}x");
    names.push(&longer);
    if backwards {
        names.reverse();
    }
    let fields: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!(name))).collect();
    let mut text = String::from("{\"id\":\"k\"");
    for name in &names {
        text += &format!(",{}:{}", json!(name), json!(fields[*name]));
    }
    entry(&PEOPLE, "k", &(text + "}"))
}

async fn columns(on: &impl Readback, backwards: bool) -> BTreeSet<(String, String)> {
    let (_, rows) = tables(on, &PEOPLE, &vec![vec![vec![record(backwards)]]], &ColumnNames::new()).await;
    let fields = rows["k"].as_object().expect("a row is an object").clone();
    let ours = fields.into_iter().filter(|(_, value)| value.as_str().is_some_and(|_| true));
    ours.map(|(name, value)| (name, value.as_str().unwrap_or_default().to_owned())).collect()
}

/// The column that holds the field of this name, which is its value.
fn column_of(columns: &BTreeSet<(String, String)>, field: &str) -> String {
    let found: Vec<&String> = columns
        .iter()
        .filter(|(name, value)| value == field && !(name == "id" && field != "k"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(found.len(), 1, "{field}: {found:?}");
    found[0].clone()
}

async fn check(forwards: impl Readback, backwards: impl Readback) {
    let found = columns(&forwards, false).await;
    assert_eq!(found, columns(&backwards, true).await, "who gets a name depends on the order");
    assert_eq!(column_of(&found, "foo_bar"), "foo_bar", "whoever is spelt like the column has it");
    assert_eq!(column_of(&found, "select"), "select");
    for (name, _) in &found {
        assert!(name.len() <= 63, "{name}");
    }
    let lower: BTreeSet<String> = found.iter().map(|(name, _)| name.to_lowercase()).collect();
    assert_eq!(lower.len(), found.len(), "two names differ in nothing but case");
    for field in
        ["fooBar", "FooBar", "FOO_BAR", "foo bar", "xmin", "ctid", "tableoid", "callMonth", "_position"]
    {
        let column = column_of(&found, field);
        assert!(column.len() > 9 && column.contains('_'), "{field}: {column}");
    }
    assert!(column_of(&found, &"é".repeat(40)).starts_with(&"é".repeat(27)));
}

#[tokio::test]
async fn hazardous_names_have_columns_of_their_own_in_a_lake() {
    check(Lake::new(), Lake::new()).await;
}

#[tokio::test]
async fn hazardous_names_have_columns_of_their_own_in_a_warehouse() {
    let (Some(one), Some(other)) = (Database::fresh().await, Database::fresh().await) else { return };
    check(one, other).await;
}

/// The vendor renames a field to what its column is called; a rebuild meets both in the other order.
async fn check_rebuild(on: impl Readback) {
    let before = entry(&PEOPLE, "a", r#"{"id":"a","dealStage":"camel"}"#);
    let after = entry(&PEOPLE, "b", r#"{"id":"b","deal_stage":"snake"}"#);
    let loads = vec![vec![vec![before.clone()]], vec![vec![after.clone()]]];
    let found = tables(&on, &PEOPLE, &loads, &ColumnNames::new()).await;
    assert_eq!(found.1["a"]["deal_stage"], "camel");
    assert_eq!(found.1["b"]["deal_stage"], Value::Null);
    assert_eq!(rebuilt(&on, &PEOPLE, &[vec![after], vec![before.clone()]]).await, found);
    // What comes after knows it from the table.
    let again = tables(&on, &PEOPLE, &vec![vec![vec![before]]], &ColumnNames::new()).await;
    assert_eq!(again, found);
}

#[tokio::test]
async fn two_fields_keep_their_columns_when_a_lake_is_rebuilt_in_another_order() {
    check_rebuild(Lake::new()).await;
}

#[tokio::test]
async fn two_fields_keep_their_columns_when_a_warehouse_is_rebuilt_in_another_order() {
    let Some(on) = Database::fresh().await else { return };
    check_rebuild(on).await;
}

#[tokio::test]
async fn a_warehouse_takes_more_fields_than_it_has_room_for_columns() {
    let Some(on) = Database::fresh().await else { return };
    for (key, fields) in [("a", 0..1_000), ("b", 900..2_500)] {
        let load = vec![vec![vec![entry(&PEOPLE, key, &wide(fields))]]];
        let (_, rows) = tables(&on, &PEOPLE, &load, &ColumnNames::new()).await;
        assert_eq!(rows[key]["_other_fields"]["f0999"], 999, "{key}");
    }
}
