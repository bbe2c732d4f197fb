//! The columns that matter for placing a row: its record's key, its time, its position, its mark of deletion.

use std::ops::Range;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array,
};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, Int64Type, TimestampMicrosecondType};
use clarion_core::{Error, Kind, RecordKey, Result, TableSchema};

/// The rows of one record, one after the other.
pub(super) struct Run {
    pub(super) key: RecordKey,
    pub(super) rows: Range<usize>,
}

/// The column with the key of the record that a row belongs to: in a child table the parent's.
pub(super) fn record_column(schema: &TableSchema) -> Result<&str> {
    match (&schema.parent, schema.key.as_slice()) {
        (Some(parent), _) => Ok(parent),
        (None, [key]) => Ok(key),
        (None, keys) => Err(Error::new(Kind::Config, "a table of records has one key column")
            .with("table", &schema.table)
            .with("key", keys.join(", "))),
    }
}

/// The record keys of all rows.
pub(super) fn record_keys(batch: &RecordBatch, schema: &TableSchema) -> Result<StringArray> {
    let column = column(batch, schema, record_column(schema)?)?;
    let text = cast(column, &DataType::Utf8).map_err(|error| misshapen(schema, error))?;
    Ok(text.as_string::<i32>().clone())
}

/// Consecutive rows of equal keys.
pub(super) fn ranges(keys: &StringArray) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    for row in 1..=keys.len() {
        if row == keys.len() || keys.value(row) != keys.value(start) {
            found.push(start..row);
            start = row;
        }
    }
    if keys.is_empty() { Vec::new() } else { found }
}

pub(super) fn runs(batch: &RecordBatch, schema: &TableSchema) -> Result<Vec<Run>> {
    let keys = record_keys(batch, schema)?;
    let run = |rows: Range<usize>| Ok(Run { key: RecordKey::parse(keys.value(rows.start))?, rows });
    ranges(&keys).into_iter().map(run).collect()
}

/// The time by which the table is partitioned and sorted; `None` for a table without.
pub(super) fn times(batch: &RecordBatch, schema: &TableSchema) -> Result<Option<TimestampMicrosecondArray>> {
    let Some(name) = &schema.time else { return Ok(None) };
    let times = column(batch, schema, name)?.as_primitive_opt::<TimestampMicrosecondType>();
    times.cloned().map(Some).ok_or_else(|| misshapen(schema, format!("{name} is not a time")))
}

/// Nulls are first in the order of files, as `None` is in the order of options.
pub(super) fn time_at(times: &TimestampMicrosecondArray, row: usize) -> Option<i64> {
    times.is_valid(row).then(|| times.value(row))
}

pub(super) fn positions(batch: &RecordBatch, schema: &TableSchema) -> Result<Int64Array> {
    let positions = column(batch, schema, "_position")?.as_primitive_opt::<Int64Type>();
    positions.cloned().ok_or_else(|| misshapen(schema, "_position is not an integer"))
}

/// The same rows in order of time; as they are if they have that order, which they should.
pub(super) fn sorted(batch: RecordBatch, schema: &TableSchema) -> Result<RecordBatch> {
    let Some(times) = times(&batch, schema)? else {
        return Ok(batch);
    };
    if (1..times.len()).all(|row| time_at(&times, row - 1) <= time_at(&times, row)) {
        return Ok(batch);
    }
    // Stable, so that the rows of one record stay together.
    let mut order: Vec<u32> = (0..).take(times.len()).collect();
    order.sort_by_key(|&row| time_at(&times, row as usize));
    take_record_batch(&batch, &UInt32Array::from(order)).map_err(|error| misshapen(schema, error))
}

/// A batch that does not have the shape of its table.
pub(super) fn misshapen(
    schema: &TableSchema,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(Kind::Corrupt, "rows do not fit their table").with("table", &schema.table).source(source)
}

pub(super) fn column<'a>(batch: &'a RecordBatch, schema: &TableSchema, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| misshapen(schema, format!("there is no column {name}")))
}
