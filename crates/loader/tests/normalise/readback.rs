//! Batches read back as JSON, and records made for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use chrono::DateTime;
use clarion_core::{
    ChangeSet, Entry, Item, Op, Position, RecordKey, RunId, StreamName, TableChange, Timestamp,
    format_timestamp, parse_timestamp,
};
use clarion_loader::Normaliser;
use serde_json::{Map, Value, json};

pub(crate) fn at(text: &str) -> Timestamp {
    parse_timestamp(text).unwrap()
}

pub(crate) fn loaded_at() -> Timestamp {
    at("2026-11-20T12:00:00Z")
}

pub(crate) fn entry(stream: &StreamName, key: &str, data: &str) -> Entry {
    Entry {
        stream: stream.clone(),
        key: RecordKey::parse(key).unwrap(),
        op: Op::Upsert,
        observed_at: at("2026-11-20T11:00:00Z"),
        private: None,
        time: None,
        data: Bytes::copy_from_slice(data.as_bytes()),
    }
}

/// Normalises entries as one chunk, at positions 1:2 and up.
pub(crate) fn normalise(normaliser: &mut Normaliser, entries: &[Entry]) -> ChangeSet {
    let run_id = RunId::new("20261120T110000-test");
    let items: Vec<Item<'_>> = entries
        .iter()
        .zip(2..)
        .map(|(entry, line)| Item { entry, position: Position::new(1, line), run_id: &run_id, gone: None })
        .collect();
    normaliser.normalise(&items)
}

pub(crate) fn fresh() -> Normaliser {
    Normaliser::new(&BTreeMap::new(), loaded_at())
}

/// The change of one record alone.
pub(crate) fn change_of(stream: &StreamName, data: &Value) -> ChangeSet {
    normalise(&mut fresh(), &[entry(stream, "k", &data.to_string())])
}

pub(crate) fn table<'a>(change: &'a ChangeSet, name: &str) -> &'a TableChange {
    change.tables.iter().find(|table| table.schema.table.as_str() == name).unwrap()
}

pub(crate) fn rows_of(change: &ChangeSet, name: &str) -> Vec<Value> {
    rows(&table(change, name).rows)
}

/// Null cells are there as null.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Value> {
    let names: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
    let row = |row| {
        let cells = names.iter().zip(batch.columns());
        Value::Object(cells.map(|(name, array)| (name.clone(), cell(array, row))).collect())
    };
    (0..batch.num_rows()).map(row).collect()
}

fn cell(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(row)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => json!(array.as_string::<i32>().value(row)),
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            json!(format_timestamp(DateTime::from_timestamp_micros(micros).unwrap()))
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            (0..items.len()).map(|item| cell(&items, item)).collect()
        }
        DataType::Struct(fields) => {
            let array = array.as_struct();
            let fields: Map<String, Value> = fields
                .iter()
                .zip(array.columns())
                .map(|(field, array)| (field.name().clone(), cell(array, row)))
                .collect();
            Value::Object(fields)
        }
        other => panic!("unexpected type {other}"),
    }
}

/// A schema by name, as the destination would hand it back.
pub(crate) fn schemas_of(
    change: &ChangeSet,
) -> BTreeMap<clarion_core::TableName, Arc<clarion_core::TableSchema>> {
    change.tables.iter().map(|table| (table.schema.table.clone(), Arc::clone(&table.schema))).collect()
}
