//! Columns that widen take their rows along, in the one text that a replay would write.

use clarion_core::{ColumnType, TableSchema};
use clarion_loader::{conform, merge};
use serde_json::{Value, json};

use super::database::Database;
use super::types::{load, load_batch, odd};

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
        load_wide(&direct, &narrow, &wide, &id, number, value).await;
    }
    let report = load(&widened, &wide, "last", 99, json!({})).await.expect("the column widens");
    load(&direct, &wide, "last", 99, json!({})).await.expect("the load lands");
    assert_eq!(report.schema_changes.len(), 1, "{:?}", report.schema_changes);
    let read = "SELECT json_agg(json_build_array(id, v) ORDER BY id)::text FROM clari.odd";
    assert_eq!(widened.text(read).await, direct.text(read).await, "{from} to {to}");
}

async fn load_wide(
    db: &Database,
    narrow: &TableSchema,
    wide: &TableSchema,
    id: &str,
    number: u32,
    value: &Value,
) {
    let position = clarion_core::Position::new(1, number).pack();
    let row = json!({ "id": id, "_position": position, "v": value });
    let batch = clarion_core::testing::rows::batch(narrow, &[row]);
    let batch = conform(&batch, wide).expect("the types widen");
    load_batch(db, wide, batch).await.expect("the load lands");
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
