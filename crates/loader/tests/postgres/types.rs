//! Every type, at its edges, written and read back by the server itself.

use std::sync::Arc;

use arrow::array::RecordBatch;
use clarion_core::testing::destination::journal;
use clarion_core::testing::rows::batch;
use clarion_core::{
    ChangeSet, ChangedKeys, Column, ColumnType, Destination, LoadReport, LoadSpec, Position, Result, RunId,
    StreamName, TableChange, TableName, TableSchema, parse_timestamp,
};
use serde_json::{Map, Value, json};

use super::database::Database;

pub(crate) fn odd(columns: &[(&str, ColumnType)]) -> TableSchema {
    let own = [
        ("_extracted_at", ColumnType::Timestamp),
        ("_loaded_at", ColumnType::Timestamp),
        ("_run_id", ColumnType::Text),
        ("_position", ColumnType::Integer),
        ("_deleted_at", ColumnType::Timestamp),
    ];
    let key = ("id", ColumnType::Text);
    let column = |(name, kind): &(&str, ColumnType)| Column {
        name: (*name).to_owned(),
        kind: kind.clone(),
        source: String::new(),
        declared: true,
    };
    TableSchema {
        table: TableName::of("odd"),
        stream: StreamName::of("odd"),
        key: vec!["id".to_owned()],
        parent: None,
        time: None,
        columns: std::iter::once(&key).chain(columns).chain(&own).map(column).collect(),
    }
}

/// Loads one row `id` of the given values at `position`.
pub(crate) async fn load(
    db: &Database,
    schema: &TableSchema,
    id: &str,
    position: u32,
    row: Value,
) -> Result<LoadReport> {
    let mut row: Map<String, Value> = row.as_object().cloned().unwrap_or_default();
    row.insert("id".to_owned(), json!(id));
    row.insert("_position".to_owned(), json!(Position::new(1, position).pack()));
    load_batch(db, schema, batch(schema, &[Value::Object(row)])).await
}

pub(crate) async fn load_batch(db: &Database, schema: &TableSchema, rows: RecordBatch) -> Result<LoadReport> {
    let destination = db.destination();
    let from = destination.inspect().await?.position;
    let mut load = destination.begin(spec(from)).await?;
    load.write(change(schema, rows)).await?;
    load.commit(Position::new(from.segment + 1, 99)).await
}

pub(crate) fn spec(from: Position) -> LoadSpec {
    LoadSpec {
        run_id: RunId::new("run-1"),
        fence: 1,
        journal: journal(1),
        from,
        replace: false,
        again: false,
        loaded_at: parse_timestamp("2026-11-20T12:00:00Z").expect("a time"),
        keys: Arc::new(ChangedKeys::new()),
    }
}

pub(crate) fn change(schema: &TableSchema, rows: RecordBatch) -> ChangeSet {
    let change = TableChange { schema: Arc::new(schema.clone()), rows, parents: vec![], tombstones: vec![] };
    ChangeSet { tables: vec![change], ..ChangeSet::default() }
}

#[tokio::test]
async fn every_type_keeps_its_edges_by_copy_and_by_merge() {
    let Some(db) = Database::fresh().await else { return };
    let schema = odd(&[
        ("flag", ColumnType::Boolean),
        ("whole", ColumnType::BigInteger),
        ("part", ColumnType::Double),
        ("at", ColumnType::Timestamp),
        ("text", ColumnType::Text),
        ("order", ColumnType::Text),
    ]);
    let rows = [
        json!({"flag": true, "whole": i64::MAX, "part": 1e300, "at": "0001-01-01T00:00:00Z", "text": "", "order": "\\N"}),
        json!({"flag": false, "whole": i64::MIN, "part": -0.1, "at": "9999-12-31T23:59:59.999999Z", "text": "\u{fffd}"}),
        json!({"text": "\u{1F469}\u{200D}\u{1F4BB} \u{202E}rtl\u{202C} \"q\" \\ \r\n\t{\"a\":1}", "part": 9_007_199_254_740_993.0_f64}),
    ];
    // The first goes straight into the new table, the others by way of the staging table.
    for (number, row) in (2..).zip(&rows) {
        load(&db, &schema, &number.to_string(), number, row.clone()).await.expect("the load lands");
    }
    let read = "SELECT json_agg(json_build_array(flag, whole::text, part, to_char(at AT TIME ZONE 'UTC', \
                'YYYY-MM-DD\"T\"HH24:MI:SS.US'), text, \"order\") ORDER BY id)::text FROM clari.odd";
    let read: Value = serde_json::from_str(&db.text(read).await).expect("JSON");
    let expected = json!([
        [true, i64::MAX.to_string(), 1e300, "0001-01-01T00:00:00.000000", "", "\\N"],
        [false, i64::MIN.to_string(), -0.1, "9999-12-31T23:59:59.999999", "\u{fffd}", null],
        [null, null, 9_007_199_254_740_992.0, null, rows[2]["text"], null],
    ]);
    assert_eq!(read, expected);
}

#[tokio::test]
async fn nested_values_and_json_text_become_jsonb() {
    let Some(db) = Database::fresh().await else { return };
    let point = ColumnType::Struct(vec![
        ("at".into(), ColumnType::Timestamp),
        ("x\"y".into(), ColumnType::Double),
        ("z".into(), ColumnType::List(Box::new(ColumnType::Struct(vec![("n".into(), ColumnType::Integer)])))),
    ]);
    let schema = odd(&[("point", point), ("any", ColumnType::Json)]);
    let point = json!({"at": "2026-01-02T10:00:00Z", "x\"y": 5.0, "z": [{"n": 1}, null, {"n": null}]});
    let any = r#"{"big":123456789012345678901234567890,"bad":"a\u0000b\ud83d","far":1e200000}"#;
    load(&db, &schema, "a", 2, json!({"point": point, "any": any})).await.expect("the load lands");
    load(&db, &schema, "b", 3, json!({"point": {}, "any": "[]"})).await.expect("the load lands");
    let read = |column: &str, id: &str| format!("SELECT {column}::text FROM clari.odd WHERE id = '{id}'");
    let point = r#"{"z": [{"n": 1}, null, {}], "at": "2026-01-02T10:00:00.000000Z", "x\"y": 5}"#;
    assert_eq!(db.text(&read("point", "a")).await, point);
    let any =
        "{\"bad\": \"a\u{fffd}b\u{fffd}\", \"big\": 123456789012345678901234567890, \"far\": \"1e200000\"}";
    assert_eq!(db.text(&read("\"any\"", "a")).await, any);
    assert_eq!(db.text(&read("point", "b")).await, "{}");
    assert_eq!(db.text(&read("\"any\"", "b")).await, "[]");
}

#[tokio::test]
async fn a_text_of_five_megabytes_and_one_with_nul_arrive() {
    let Some(db) = Database::fresh().await else { return };
    let schema = odd(&[("text", ColumnType::Text)]);
    let long = "sch\u{f6}n ".repeat(800_000);
    load(&db, &schema, "a", 2, json!({ "text": long })).await.expect("the load lands");
    load(&db, &schema, "b", 3, json!({ "text": "a\u{0}b" })).await.expect("the load lands");
    assert_eq!(db.text("SELECT text FROM clari.odd WHERE id = 'a'").await, long);
    assert_eq!(db.text("SELECT text FROM clari.odd WHERE id = 'b'").await, "a\u{fffd}b");
    assert_eq!(db.text("SELECT pg_column_compression(text) FROM clari.odd WHERE id = 'a'").await, "lz4");
}
