//! Batches brought to a wider schema.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, ListArray, RecordBatch, RecordBatchOptions, StringArray,
    StringBuilder, StructArray, new_null_array,
};
use arrow::datatypes::{
    DataType, Field, FieldRef, Float64Type, Int64Type, TimeUnit, TimestampMicrosecondType,
};
use clarion_core::{ColumnType, Error, KIND_METADATA, Kind, Result, TableSchema};

use crate::canonical::{double_text, push_json_scalar, push_json_string, time_text};

/// Brings a batch to `to`: missing columns are null, narrower ones are cast by the lattice, the order is that of `to`.
///
/// # Errors
/// `Conflict` if a column would have to become narrower or a key column is missing. Columns that `to` does not have
/// are dropped.
pub fn conform(batch: &RecordBatch, to: &TableSchema) -> Result<RecordBatch> {
    let schema = to.arrow();
    if batch.schema_ref() == &schema {
        return Ok(batch.clone());
    }
    let mut arrays = Vec::with_capacity(to.columns.len());
    for column in &to.columns {
        let array = match batch.schema_ref().column_with_name(&column.name) {
            Some((index, field)) => cast(batch.column(index), field, &column.kind),
            None if to.key.contains(&column.name) => {
                Err(Error::new(Kind::Conflict, "a key column is missing"))
            }
            None => Ok(new_null_array(&column.kind.arrow(), batch.num_rows())),
        };
        arrays.push(array.map_err(|error| error.with("table", &to.table).with("column", &column.name))?);
    }
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(schema, arrays, &rows).map_err(|error| {
        Error::new(Kind::Corrupt, "rows do not fit their table").with("table", &to.table).source(error)
    })
}

fn cast(array: &ArrayRef, from: &Field, to: &ColumnType) -> Result<ArrayRef> {
    let target = to.arrow();
    if array.data_type() == &target && is_json(from) == (*to == ColumnType::Json) {
        return Ok(Arc::clone(array));
    }
    match (array.data_type(), to) {
        (DataType::Null, _) => Ok(new_null_array(&target, array.len())),
        (_, ColumnType::Json) if is_json(from) => Ok(Arc::clone(array)),
        (_, ColumnType::Json) => Ok(json_array(array, from)),
        (DataType::Int64, ColumnType::Double) => Ok(to_doubles(array)),
        (DataType::Struct(fields), ColumnType::Struct(wanted)) => {
            cast_struct(array.as_struct(), fields, wanted)
        }
        (DataType::List(item), ColumnType::List(wanted)) => cast_list(array.as_list::<i32>(), item, wanted),
        (scalar, ColumnType::Text) if !scalar.is_nested() && !is_json(from) => Ok(text_array(array)),
        (from, to) => Err(Error::new(Kind::Conflict, "a column cannot become narrower")
            .with("from", from)
            .with("to", to)),
    }
}

#[expect(clippy::cast_precision_loss, reason = "the lattice lets only integers within 2^53 meet doubles")]
fn to_doubles(array: &ArrayRef) -> ArrayRef {
    let doubles: Float64Array = array.as_primitive::<Int64Type>().unary(|value| value as f64);
    Arc::new(doubles)
}

fn cast_struct(
    array: &StructArray,
    fields: &[FieldRef],
    wanted: &[(String, ColumnType)],
) -> Result<ArrayRef> {
    let mut arrays = Vec::with_capacity(wanted.len());
    let mut cast_fields: Vec<FieldRef> = Vec::with_capacity(wanted.len());
    for (name, kind) in wanted {
        let column = match fields.iter().position(|field| field.name() == name) {
            Some(index) => cast(array.column(index), &fields[index], kind)?,
            None => new_null_array(&kind.arrow(), array.len()),
        };
        arrays.push(column);
        cast_fields.push(Arc::new(kind.field(name, true)));
    }
    let nulls = array.nulls().cloned();
    let cast = StructArray::try_new_with_length(cast_fields.into(), arrays, nulls, array.len());
    Ok(Arc::new(cast.expect("every field was cast to its type and has the struct's length")))
}

fn cast_list(array: &ListArray, item: &FieldRef, wanted: &ColumnType) -> Result<ArrayRef> {
    let items = cast(array.values(), item, wanted)?;
    let field = ColumnType::list_item(wanted);
    let cast = ListArray::try_new(field, array.offsets().clone(), items, array.nulls().cloned());
    Ok(Arc::new(cast.expect("the items were cast one by one, so that the offsets still hold")))
}

fn text_array(array: &ArrayRef) -> ArrayRef {
    let texts: StringArray = (0..array.len()).map(|row| scalar_text(array, row)).collect();
    Arc::new(texts)
}

fn json_array(array: &ArrayRef, field: &Field) -> ArrayRef {
    let mut texts = StringBuilder::new();
    let mut json = String::new();
    for row in 0..array.len() {
        if array.is_null(row) {
            texts.append_null();
            continue;
        }
        json.clear();
        push_json(array, field, row, &mut json);
        texts.append_value(&json);
    }
    Arc::new(texts.finish())
}

/// The value as canonical JSON: fields in order of their names, null fields left out.
fn push_json(array: &ArrayRef, field: &Field, row: usize, out: &mut String) {
    if array.is_null(row) {
        out.push_str("null");
        return;
    }
    match array.data_type() {
        DataType::Struct(fields) => push_json_object(array.as_struct(), fields, row, out),
        DataType::List(item) => push_json_list(&array.as_list::<i32>().value(row), item, out),
        DataType::Utf8 if is_json(field) => out.push_str(array.as_string::<i32>().value(row)),
        DataType::Utf8 => push_json_scalar(array.as_string::<i32>().value(row), out),
        _ => push_json_scalar(&scalar_text(array, row).unwrap_or_default(), out),
    }
}

fn push_json_object(array: &StructArray, fields: &[FieldRef], row: usize, out: &mut String) {
    let mut present: Vec<usize> =
        (0..fields.len()).filter(|index| array.column(*index).is_valid(row)).collect();
    present.sort_by_key(|index| fields[*index].name());
    out.push('{');
    for (at, index) in present.into_iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        push_json_string(fields[index].name(), out);
        out.push(':');
        push_json(array.column(index), &fields[index], row, out);
    }
    out.push('}');
}

fn push_json_list(items: &ArrayRef, item: &Field, out: &mut String) {
    out.push('[');
    for row in 0..items.len() {
        if row > 0 {
            out.push(',');
        }
        push_json(items, item, row, out);
    }
    out.push(']');
}

/// The canonical text of a scalar; `None` for null.
fn scalar_text(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let text = match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => double_text(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            time_text(array.as_primitive::<TimestampMicrosecondType>().value(row))
        }
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        other => unreachable!("no column has the type {other}"),
    };
    Some(text)
}

fn is_json(field: &Field) -> bool {
    field.metadata().get(KIND_METADATA).is_some_and(|kind| kind == "json")
}
