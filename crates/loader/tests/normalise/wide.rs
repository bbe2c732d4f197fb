//! Records with more fields than a table may have columns.

use clarion_core::{StreamName, column_names};
use clarion_loader::Normaliser;
use serde_json::{Map, Value, json};

use super::readback::{entry, fresh, loaded_at, normalise, rows_of};

const PEOPLE: StreamName = StreamName::of("people");

/// Fields `f0000` and on, each with its number.
pub(crate) fn wide(fields: std::ops::Range<usize>) -> String {
    let fields: Map<String, Value> = fields.map(|field| (format!("f{field:04}"), json!(field))).collect();
    Value::Object(fields).to_string()
}

#[test]
fn fields_past_what_a_table_may_hold_share_a_column() {
    let mut normaliser = fresh();
    let change = normalise(&mut normaliser, &[entry(&PEOPLE, "a", &wide(0..2000))]);
    let first = &rows_of(&change, "people")[0];
    let columns = change.tables[0].schema.columns.len();
    assert!((700..900).contains(&columns), "{columns}");
    let others: Map<String, Value> = serde_json::from_str(first["_other_fields"].as_str().unwrap()).unwrap();
    assert!(others.keys().is_sorted() && others["f1999"] == 1999);
    for field in 0..2000 {
        let name = format!("f{field:04}");
        assert_eq!(first.get(&name).or(others.get(&name)), Some(&json!(field)), "{name}");
    }
    let mut later = Normaliser::new(&normaliser.schemas(), loaded_at());
    let text = r#"{"f0001":1,"f1999":"now text","brand_new":{"a":[1]},"_other_fields":5}"#;
    let change = normalise(&mut later, &[entry(&PEOPLE, "b", text), entry(&PEOPLE, "c", "{\"f0001\":2}")]);
    assert!(change.novelties.is_empty() && change.tables[0].schema.columns.len() == columns);
    let rows = rows_of(&change, "people");
    assert_eq!(rows[0]["f0001"], 1);
    assert_eq!(rows[0]["_other_fields"], r#"{"_other_fields":5,"brand_new":{"a":[1]},"f1999":"now text"}"#);
    assert_eq!(rows[1]["_other_fields"], Value::Null);
}

#[test]
fn fields_that_had_columns_have_them_again_whatever_comes_first() {
    let mut normaliser = fresh();
    normalise(&mut normaliser, &[entry(&PEOPLE, "a", &wide(0..2000))]);
    let before = normaliser.schemas()[&PEOPLE.table()].clone();
    let mut again = fresh().called(column_names(&normaliser.schemas()));
    normalise(&mut again, &[entry(&PEOPLE, "b", &wide(1500..2000))]);
    normalise(&mut again, &[entry(&PEOPLE, "a", &wide(0..2000))]);
    assert_eq!(again.schemas()[&PEOPLE.table()], before);
}
