//! Columns that widen take their rows along, in the one text that a replay would write.

use arrow::array::RecordBatch;
use clarion_core::testing::rows::batch;
use clarion_core::{ColumnType, Destination, LoadSpec, Position, RunId, TableSchema, parse_timestamp};
use clarion_loader::{conform, merge};
use serde_json::{Value, json};

use super::database::Database;
use super::types::{change, load, load_batch, odd, spec};

fn fields(fields: &[(&str, ColumnType)]) -> ColumnType {
    ColumnType::Struct(fields.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect())
}

/// Loads `values` of type `from`, widens the column with a row of type `to`, and compares with the same values brought
/// to `to` before they were loaded.
async fn assert_widens(from: ColumnType, to: ColumnType, values: &[Value]) {
    let (Some(widened), Some(direct)) = (Database::fresh().await, Database::fresh().await) else {
        return;
    };
    let (narrow, wide) = (odd(&[("v", from.clone())]), odd(&[("v", to.clone())]));
    let wide = merge(&narrow, &wide);
    for (number, value) in (2..).zip(values) {
        let id = number.to_string();
        load(&widened, &narrow, &id, number, json!({ "v": value })).await.expect("the load lands");
        let row = wide_row(&narrow, &wide, number, value);
        load_batch(&direct, &wide, row).await.expect("the load lands");
    }
    let report = load(&widened, &wide, "last", 99, json!({})).await.expect("the column widens");
    load(&direct, &wide, "last", 99, json!({})).await.expect("the load lands");
    assert_eq!(report.schema_changes.len(), 1, "{:?}", report.schema_changes);
    let read = "SELECT json_agg(json_build_array(id, v) ORDER BY id)::text FROM clari.odd";
    assert_eq!(widened.text(read).await, direct.text(read).await, "{from} to {to}");
}

/// The row that `load` would write of this value, brought to `wide` before it is loaded.
fn wide_row(narrow: &TableSchema, wide: &TableSchema, number: u32, value: &Value) -> RecordBatch {
    let position = Position::new(1, number).pack();
    let row = json!({ "id": number.to_string(), "_position": position, "v": value });
    conform(&batch(narrow, &[row]), wide).expect("the types widen")
}

#[tokio::test]
async fn a_schema_may_widen_from_change_set_to_change_set_of_one_load() {
    let Some(db) = Database::fresh().await else { return };
    let narrow = odd(&[("v", ColumnType::Integer)]);
    let wide = merge(&narrow, &odd(&[("v", ColumnType::Text), ("w", ColumnType::Boolean)]));
    for round in 0..2 {
        let destination = db.destination();
        let from = destination.inspect().await.expect("it is well").position;
        let mut load = destination.begin(spec(from)).await.expect("it begins");
        for (line, schema) in (2..).zip([&narrow, &wide, &narrow]) {
            let position = Position::new(round, line).pack();
            let value = if *schema == wide { json!("five") } else { json!(5) };
            let row = json!({ "id": line.to_string(), "_position": position, "v": value });
            load.write(change(schema, batch(schema, &[row]))).await.expect("the rows are taken");
        }
        load.commit(Position::new(round, 99)).await.expect("the load lands");
        let read = "SELECT string_agg(id || v || coalesce(w::text, '-'), ' ' ORDER BY id) FROM clari.odd";
        assert_eq!(db.text(read).await, "25- 3five- 45-", "round {round}");
    }
}

#[tokio::test]
async fn scalars_widen_to_doubles_and_to_their_canonical_text() {
    use ColumnType::{BigInteger, Boolean, Double, Integer, Text, Timestamp};
    assert_widens(Integer, Double, &[json!(5), json!(-(1_i64 << 53))]).await;
    assert_widens(BigInteger, Text, &[json!(i64::MIN), json!(0)]).await;
    let doubles = [5.0, -0.0, 0.1, 1e21, 1e-7, -2.5, 1.0 / 3.0, 1e300, 5e-324, 9_007_199_254_740_993.0];
    assert_widens(Double, Text, &doubles.map(|value| json!(value))).await;
    assert_widens(Boolean, Text, &[json!(true), json!(false)]).await;
    assert_widens(Timestamp, Text, &[json!("0001-01-01T00:00:00.5Z"), json!("9999-12-31T23:59:59.999999Z")])
        .await;
}

#[tokio::test]
async fn scalars_widen_to_json() {
    use ColumnType::{Boolean, Double, Json, Text, Timestamp};
    let texts = [
        "a \"b\"",
        "5",
        "-5",
        "007",
        "0.25",
        "1.0",
        "-0",
        "true",
        "null",
        "",
        "12345678901234567890123",
        "1e5",
    ];
    assert_widens(Text, Json, &texts.map(|text| json!(text))).await;
    assert_widens(Double, Json, &[json!(5.0), json!(0.1)]).await;
    assert_widens(Boolean, Json, &[json!(true)]).await;
    assert_widens(Timestamp, Json, &[json!("2026-01-02T10:00:00Z")]).await;
}

#[tokio::test]
async fn values_inside_nested_columns_widen_too() {
    use ColumnType::{Boolean, Double, Integer, Json, List, Text};
    let list = |item: ColumnType| List(Box::new(item));
    assert_widens(list(Integer), list(Text), &[json!([1, null, -5]), json!([])]).await;
    assert_widens(list(Integer), list(Double), &[json!([1, 2])]).await;
    let narrow = fields(&[("a", Integer), ("b", list(fields(&[("c", Double), ("d", Boolean)])))]);
    let wide = fields(&[("a", Integer), ("b", list(fields(&[("c", Text), ("d", Text)]))), ("e", Text)]);
    let value = json!({"a": 1, "b": [{"c": 1.0, "d": true}, {"c": 0.5, "d": null}, null]});
    assert_widens(narrow.clone(), wide, std::slice::from_ref(&value)).await;
    assert_widens(narrow, Json, std::slice::from_ref(&value)).await;
    assert_widens(fields(&[("a", Text)]), Json, &[json!({"a": "5"}), json!({"a": "five"})]).await;
}

#[tokio::test]
async fn a_change_whose_load_was_cut_off_is_told_by_the_next_one_whoever_runs_it() {
    let Some(db) = Database::fresh().await else { return };
    let narrow = odd(&[("v", ColumnType::Integer)]);
    let wide = merge(&narrow, &odd(&[("v", ColumnType::Text), ("w", ColumnType::Boolean)]));
    load(&db, &narrow, "a", 2, json!({ "v": 1 })).await.expect("the load lands");
    let destination = db.destination();
    let from = destination.inspect().await.expect("it is well").position;
    let mut cut_off = destination.begin(spec(from)).await.expect("it begins");
    let row = json!({ "id": "b", "_position": Position::new(2, 2).pack(), "v": "x" });
    cut_off.write(change(&wide, batch(&wide, &[row]))).await.expect("the rows are taken");
    drop(cut_off);
    for (run, told) in [("run-2", 2), ("run-3", 0)] {
        let from = destination.inspect().await.expect("it is well").position;
        let later = parse_timestamp("2026-11-21T12:00:00Z").expect("a time");
        let spec = LoadSpec { run_id: RunId::new(run), loaded_at: later, ..spec(from) };
        let mut load = destination.begin(spec).await.expect("it begins");
        let position = Position::new(from.segment + 1, 3);
        let row = json!({ "id": run, "_position": position.pack(), "v": "x" });
        load.write(change(&wide, batch(&wide, &[row]))).await.expect("the rows are taken");
        let report = load.commit(position).await.expect("the load lands");
        assert_eq!(report.schema_changes.len(), told, "{run}: {:?}", report.schema_changes);
    }
}
