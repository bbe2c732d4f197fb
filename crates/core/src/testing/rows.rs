//! Small tables by hand: JSON rows to batches and back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray, TimestampMicrosecondArray,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{DataType, Float64Type, Int64Type, TimestampMicrosecondType};
use chrono::DateTime;
use serde_json::{Map, Value, json};

use crate::{ColumnType, TableSchema, format_timestamp, parse_timestamp};

/// A batch of the schema's columns from objects by column name; times are RFC 3339 text, what is missing is null.
pub fn batch(schema: &TableSchema, rows: &[Value]) -> RecordBatch {
    let columns: Vec<ArrayRef> = schema
        .columns
        .iter()
        .map(|column| {
            let values: Vec<Option<&Value>> = rows.iter().map(|row| row.get(&column.name)).collect();
            array(&column.kind, &values)
        })
        .collect();
    RecordBatch::try_new(schema.arrow(), columns).expect("the test's rows fit their schema")
}

/// The rows of a batch as objects by column name, in the same spelling; nulls are there as null.
pub fn rows(batch: &RecordBatch) -> Vec<Value> {
    let schema = batch.schema();
    let row = |index| {
        let cell = |(at, field): (usize, &Arc<arrow::datatypes::Field>)| {
            (field.name().clone(), value(batch.column(at), index))
        };
        Value::Object(schema.fields().iter().enumerate().map(cell).collect())
    };
    (0..batch.num_rows()).map(row).collect()
}

fn array(kind: &ColumnType, values: &[Option<&Value>]) -> ArrayRef {
    let present = || values.iter().map(|value| value.filter(|value| !value.is_null()));
    match kind {
        ColumnType::Boolean => Arc::new(BooleanArray::from_iter(present().map(|v| v?.as_bool()))),
        ColumnType::Integer | ColumnType::BigInteger => {
            Arc::new(Int64Array::from_iter(present().map(|v| v?.as_i64())))
        }
        ColumnType::Double => Arc::new(Float64Array::from_iter(present().map(|v| v?.as_f64()))),
        ColumnType::Timestamp => {
            let micros = present().map(|v| Some(parse_timestamp(v?.as_str()?)?.timestamp_micros()));
            Arc::new(TimestampMicrosecondArray::from_iter(micros).with_timezone("UTC"))
        }
        ColumnType::Text | ColumnType::Json => {
            Arc::new(StringArray::from_iter(present().map(|v| v?.as_str())))
        }
        ColumnType::Struct(fields) => {
            let columns = fields.iter().map(|(name, kind)| {
                let inner: Vec<Option<&Value>> = present().map(|v| v?.get(name)).collect();
                array(kind, &inner)
            });
            let columns = columns.collect();
            let DataType::Struct(fields) = kind.arrow() else { unreachable!("a struct is a struct") };
            Arc::new(StructArray::new(
                fields,
                columns,
                Some(NullBuffer::from_iter(present().map(|v| v.is_some()))),
            ))
        }
        ColumnType::List(item) => {
            let lists: Vec<Option<&Vec<Value>>> = present().map(|v| v?.as_array()).collect();
            let items: Vec<Option<&Value>> =
                lists.iter().flatten().flat_map(|list| list.iter().map(Some)).collect();
            let offsets = OffsetBuffer::from_lengths(lists.iter().map(|list| list.map_or(0, Vec::len)));
            let nulls = NullBuffer::from_iter(lists.iter().map(Option::is_some));
            Arc::new(ListArray::new(ColumnType::list_item(item), offsets, array(item, &items), Some(nulls)))
        }
    }
}

fn value(array: &ArrayRef, index: usize) -> Value {
    if array.is_null(index) {
        return Value::Null;
    }
    match array.data_type() {
        DataType::Boolean => json!(array.as_boolean().value(index)),
        DataType::Int64 => json!(array.as_primitive::<Int64Type>().value(index)),
        DataType::Float64 => json!(array.as_primitive::<Float64Type>().value(index)),
        DataType::Timestamp(..) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(index);
            json!(format_timestamp(DateTime::from_timestamp_micros(micros).expect("a stored time is a time")))
        }
        DataType::Utf8 => json!(array.as_string::<i32>().value(index)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let cells = fields
                .iter()
                .zip(columns)
                .map(|(field, column)| (field.name().clone(), value(column, index)));
            Value::Object(cells.collect::<Map<_, _>>())
        }
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(index);
            Value::Array((0..items.len()).map(|item| value(&items, item)).collect())
        }
        other => panic!("no table has a column of type {other}"),
    }
}
