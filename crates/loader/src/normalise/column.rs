//! Builders for columns whose types are known only when the records are.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, BufferBuilder, Float64Builder, Int64Builder, ListArray, NullBufferBuilder,
    StringBuilder, StructArray, TimestampMicrosecondBuilder,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::FieldRef;
use clarion_core::json::Json;
use clarion_core::{ColumnType, fault};

use super::reject::Rejects;
use super::value::{field_contract, finite, is_empty, item_contract, push_json, scalar_text};
use crate::canonical::{
    double_text, plain_time_micros, push_json_scalar, push_json_string, time_micros, time_text,
};

/// Collects one column, or what is nested in one.
pub(super) struct Builder {
    array: Array,
    contract: Option<ColumnType>,
}

enum Array {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Double(Float64Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Text(StringBuilder),
    Json(StringBuilder),
    Struct(Struct),
    List(Box<List>),
}

struct Struct {
    fields: Vec<(FieldRef, Builder)>,
    valid: NullBufferBuilder,
}

struct List {
    field: FieldRef,
    items: Builder,
    ends: BufferBuilder<i32>,
    count: i32,
    valid: NullBufferBuilder,
}

/// A value of ours, on its way into a column that may be wider than it.
pub(super) enum Value<'a> {
    Boolean(bool),
    Integer(i64),
    Double(f64),
    /// Microseconds since 1970.
    Timestamp(i64),
    Text(&'a str),
}

impl Builder {
    /// `contract` is what the vendor declared, `kind` what it takes to hold the values.
    pub(super) fn new(kind: &ColumnType, contract: Option<&ColumnType>) -> Self {
        let array = match kind {
            ColumnType::Boolean => Array::Boolean(BooleanBuilder::new()),
            ColumnType::Integer | ColumnType::BigInteger => Array::Integer(Int64Builder::new()),
            ColumnType::Double => Array::Double(Float64Builder::new()),
            ColumnType::Timestamp => {
                let builder = TimestampMicrosecondBuilder::new();
                Array::Timestamp(builder.with_data_type(kind.arrow()))
            }
            ColumnType::Text => Array::Text(StringBuilder::new()),
            ColumnType::Json => Array::Json(StringBuilder::new()),
            ColumnType::Struct(fields) => Array::Struct(Struct::new(fields, contract)),
            ColumnType::List(item) => Array::List(Box::new(List::new(item, contract))),
        };
        Self { array, contract: contract.cloned() }
    }

    /// Makes room for the rows to come, so that megabytes of text are not moved again and again.
    pub(super) fn with_capacity(mut self, rows: usize, bytes: usize) -> Self {
        match &mut self.array {
            Array::Boolean(array) => *array = BooleanBuilder::with_capacity(rows),
            Array::Integer(array) => *array = Int64Builder::with_capacity(rows),
            Array::Double(array) => *array = Float64Builder::with_capacity(rows),
            Array::Timestamp(array) => {
                let builder = TimestampMicrosecondBuilder::with_capacity(rows);
                *array = builder.with_data_type(ColumnType::Timestamp.arrow());
            }
            Array::Text(array) | Array::Json(array) => *array = StringBuilder::with_capacity(rows, bytes),
            Array::Struct(_) | Array::List(_) => {}
        }
        self
    }

    /// Bytes of text so far.
    pub(super) fn text_bytes(&self) -> usize {
        match &self.array {
            Array::Text(array) | Array::Json(array) => array.values_slice().len(),
            _ => 0,
        }
    }

    /// Appends a vendor value; what the column cannot hold is null. `path` names it if it has to be rejected.
    pub(super) fn append(&mut self, value: Option<&Json<'_>>, path: &str, rejects: &mut Rejects) {
        let contract = self.contract.as_ref();
        match value {
            Some(value) if contract == Some(&ColumnType::Timestamp) => self.append_time(value, path, rejects),
            Some(value) if !is_empty(value, contract) => self.append_known(value, path, rejects),
            _ => self.append_null(),
        }
    }

    pub(super) fn append_null(&mut self) {
        match &mut self.array {
            Array::Boolean(array) => array.append_null(),
            Array::Integer(array) => array.append_null(),
            Array::Double(array) => array.append_null(),
            Array::Timestamp(array) => array.append_null(),
            Array::Text(array) | Array::Json(array) => array.append_null(),
            Array::Struct(array) => array.append_null(),
            Array::List(array) => array.close(false),
        }
    }

    /// Appends a value of ours; `None` is null.
    pub(super) fn push(&mut self, value: Option<Value<'_>>) {
        let Some(value) = value else {
            return self.append_null();
        };
        match (&mut self.array, value) {
            (Array::Boolean(array), Value::Boolean(flag)) => array.append_value(flag),
            (Array::Integer(array), Value::Integer(number)) => array.append_value(number),
            (Array::Double(array), Value::Double(number)) => array.append_value(number),
            (Array::Timestamp(array), Value::Timestamp(time)) => array.append_value(time),
            (Array::Text(array), Value::Text(text)) => array.append_value(text),
            (_, value) => self.push_text(&value.text()),
        }
    }

    /// Appends fields, which come in the order of their names, as one object of JSON; null if they say nothing.
    pub(super) fn append_object<'a>(&mut self, fields: impl Iterator<Item = (&'a str, &'a Json<'a>)>) {
        let mut object = String::new();
        for (name, value) in fields.filter(|(_, value)| !is_empty(value, None)) {
            object.push(if object.is_empty() { '{' } else { ',' });
            push_json_string(name, &mut object);
            object.push(':');
            push_json(value, None, &mut object);
        }
        match &mut self.array {
            Array::Json(array) if !object.is_empty() => {
                object.push('}');
                array.append_value(&object);
            }
            _ => self.append_null(),
        }
    }

    /// Appends a text that `write` puts together, without a copy of it.
    pub(super) fn push_written(&mut self, write: impl FnOnce(&mut StringBuilder) -> bool) {
        let Array::Text(array) = &mut self.array else {
            let mut text = StringBuilder::new();
            let written = write(&mut text);
            text.append_value("");
            let text = text.finish();
            return if written { self.push_text(text.value(0)) } else { self.append_null() };
        };
        if write(array) { array.append_value("") } else { array.append_null() }
    }

    pub(super) fn finish(self) -> ArrayRef {
        match self.array {
            Array::Boolean(mut array) => Arc::new(array.finish()),
            Array::Integer(mut array) => Arc::new(array.finish()),
            Array::Double(mut array) => Arc::new(array.finish()),
            Array::Timestamp(mut array) => Arc::new(array.finish()),
            Array::Text(mut array) | Array::Json(mut array) => Arc::new(array.finish()),
            Array::Struct(array) => Arc::new(array.finish()),
            Array::List(array) => Arc::new(array.finish()),
        }
    }

    fn append_time(&mut self, value: &Json<'_>, path: &str, rejects: &mut Rejects) {
        let time = value.as_str().and_then(time_micros).filter(|_| !fault::defect("loader.rejects_times"));
        if time.is_none() && !value.is_null() {
            rejects.push(path, "not a time");
        }
        self.push(time.map(Value::Timestamp));
    }

    fn append_known(&mut self, value: &Json<'_>, path: &str, rejects: &mut Rejects) {
        let contract = self.contract.as_ref();
        match (&mut self.array, value) {
            (Array::Boolean(array), Json::Bool(flag)) => array.append_value(*flag),
            (Array::Integer(array), Json::Number(digits)) => array.append_option(digits.parse().ok()),
            (Array::Double(array), Json::Number(digits)) => array.append_option(finite(digits)),
            (Array::Timestamp(array), Json::Text(text)) => array.append_option(plain_time_micros(text)),
            (Array::Text(array), value) => {
                array.append_option(scalar_text(value, contract == Some(&ColumnType::Text)));
            }
            (Array::Json(array), value) => {
                let mut json = String::new();
                push_json(value, contract, &mut json);
                array.append_value(json);
            }
            (Array::Struct(array), Json::Object(fields)) => array.append(fields, path, rejects),
            (Array::List(array), Json::List(items)) => array.append(items, path, rejects),
            // Observing widened the column to hold every value, so that nothing comes here.
            _ => {
                rejects.push(path, "of another type than its column");
                self.append_null();
            }
        }
    }

    fn push_text(&mut self, text: &str) {
        match &mut self.array {
            Array::Text(array) => array.append_value(text),
            Array::Json(array) => {
                let mut json = String::new();
                push_json_scalar(text, &mut json);
                array.append_value(json);
            }
            _ => self.append_null(),
        }
    }
}

impl Struct {
    fn new(fields: &[(String, ColumnType)], contract: Option<&ColumnType>) -> Self {
        let build = |(name, kind): &(String, ColumnType)| {
            let field: FieldRef = Arc::new(kind.field(name, true));
            (field, Builder::new(kind, field_contract(contract, name)))
        };
        Self { fields: fields.iter().map(build).collect(), valid: NullBufferBuilder::new(0) }
    }

    fn append(
        &mut self,
        object: &[(std::borrow::Cow<'_, str>, Json<'_>)],
        path: &str,
        rejects: &mut Rejects,
    ) {
        for (field, builder) in &mut self.fields {
            let value = object.iter().rev().find(|(name, _)| name == field.name()).map(|(_, value)| value);
            builder.append(value, path, rejects);
        }
        self.valid.append_non_null();
    }

    fn append_null(&mut self) {
        for (_, builder) in &mut self.fields {
            builder.append_null();
        }
        self.valid.append_null();
    }

    fn finish(mut self) -> StructArray {
        let valid = self.valid.finish();
        let length = valid.as_ref().map_or_else(|| self.valid.len(), |nulls| nulls.len());
        let (fields, arrays): (Vec<FieldRef>, Vec<ArrayRef>) =
            self.fields.into_iter().map(|(field, builder)| (field, builder.finish())).unzip();
        let length = arrays.first().map_or(length, |array| array.len());
        StructArray::try_new_with_length(fields.into(), arrays, valid, length)
            .expect("every field got one value for each of the struct's")
    }
}

impl List {
    fn new(item: &ColumnType, contract: Option<&ColumnType>) -> Self {
        let mut ends = BufferBuilder::new(0);
        ends.append(0);
        Self {
            field: ColumnType::list_item(item),
            items: Builder::new(item, item_contract(contract)),
            ends,
            count: 0,
            valid: NullBufferBuilder::new(0),
        }
    }

    fn append(&mut self, items: &[Json<'_>], path: &str, rejects: &mut Rejects) {
        for item in items {
            self.items.append(Some(item), path, rejects);
            self.count += 1;
        }
        self.close(true);
    }

    /// Ends the row's list.
    fn close(&mut self, valid: bool) {
        self.ends.append(self.count);
        self.valid.append(valid);
    }

    fn finish(mut self) -> ListArray {
        let ends = OffsetBuffer::new(ScalarBuffer::from(self.ends.finish()));
        ListArray::try_new(self.field, ends, self.items.finish(), self.valid.finish())
            .expect("every list ends where the next one begins")
    }
}

impl Value<'_> {
    fn text(&self) -> String {
        match self {
            Self::Boolean(flag) => flag.to_string(),
            Self::Integer(number) => number.to_string(),
            Self::Double(number) => double_text(*number),
            Self::Timestamp(time) => time_text(*time),
            Self::Text(text) => (*text).to_owned(),
        }
    }
}
