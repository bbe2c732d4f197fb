//! The tables that tell what was loaded: one small file each, replaced as a whole.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use clarion_core::{
    Column, ColumnType, Fence, JournalId, Position, Result, RunId, SchemaChange, SchemaChanged, StreamName,
    TableName, TableSchema, Timestamp,
};

use super::manifest::Operation;
use super::reader::open;
use super::store::Store;
use super::writer::FileWriter;
use crate::evolve::conform;

const CHANGES: &str = "_clarion_schema_changes";

/// One load, for the metadata tables.
pub(super) struct Entry {
    pub(super) run_id: RunId,
    pub(super) position: Position,
    pub(super) journal: JournalId,
    pub(super) fence: Fence,
    pub(super) loaded_at: Timestamp,
    pub(super) seconds: f64,
    pub(super) tables: Vec<(TableName, u64, u64)>,
    pub(super) changes: Vec<SchemaChange>,
}

impl Entry {
    /// Writes the new files; the operations bring them to their place.
    pub(super) fn stage(&self, store: &Store, staging: &str) -> Result<Vec<Operation>> {
        let shelf = Shelf { store, staging };
        let mut operations = vec![shelf.put("_clarion_position", self.position_row(), false)?];
        if !self.tables.is_empty() {
            operations.push(shelf.put("_clarion_loads", self.load_rows(), true)?);
        }
        if !self.changes.is_empty() {
            operations.push(shelf.put(CHANGES, self.change_rows(), true)?);
        }
        Ok(operations)
    }

    fn position_row(&self) -> Vec<(&'static str, ColumnType, ArrayRef)> {
        vec![
            ("position", ColumnType::Integer, integers([self.position.pack()])),
            ("journal", ColumnType::Text, texts([self.journal.as_str()])),
            ("fence", ColumnType::Integer, integers([self.fence.cast_signed()])),
            ("loaded_at", ColumnType::Timestamp, self.times(1)),
        ]
    }

    fn load_rows(&self) -> Vec<(&'static str, ColumnType, ArrayRef)> {
        let count = self.tables.len();
        let seconds = Float64Array::from(vec![self.seconds; count]);
        vec![
            ("run", ColumnType::Text, texts(vec![self.run_id.as_str(); count])),
            ("position", ColumnType::Integer, integers(vec![self.position.pack(); count])),
            ("table", ColumnType::Text, texts(self.tables.iter().map(|(name, ..)| name.as_str()))),
            (
                "rows",
                ColumnType::Integer,
                integers(self.tables.iter().map(|(_, rows, _)| rows.cast_signed())),
            ),
            (
                "bytes",
                ColumnType::Integer,
                integers(self.tables.iter().map(|(.., bytes)| bytes.cast_signed())),
            ),
            ("seconds", ColumnType::Double, Arc::new(seconds)),
            ("loaded_at", ColumnType::Timestamp, self.times(count)),
        ]
    }

    fn change_rows(&self) -> Vec<(&'static str, ColumnType, ArrayRef)> {
        let count = self.changes.len();
        let records: Int64Array =
            self.changes.iter().map(|change| change.record.map(Position::pack)).collect();
        vec![
            ("run", ColumnType::Text, texts(vec![self.run_id.as_str(); count])),
            ("position", ColumnType::Integer, integers(vec![self.position.pack(); count])),
            ("table", ColumnType::Text, texts(self.changes.iter().map(|change| change.table.as_str()))),
            ("change", ColumnType::Text, texts(self.changes.iter().map(|change| change.change.as_str()))),
            ("loaded_at", ColumnType::Timestamp, self.times(count)),
            ("stream", ColumnType::Text, texts(self.changes.iter().map(|change| change.stream.as_str()))),
            ("column", ColumnType::Text, self.optional(|change| change.column.as_deref())),
            ("from_type", ColumnType::Text, self.optional(|change| change.from.as_deref())),
            ("to_type", ColumnType::Text, self.optional(|change| change.to.as_deref())),
            ("record", ColumnType::Integer, Arc::new(records)),
        ]
    }

    fn optional<'a>(&'a self, text: impl Fn(&'a SchemaChange) -> Option<&'a str>) -> ArrayRef {
        Arc::new(self.changes.iter().map(text).collect::<StringArray>())
    }

    fn times(&self, count: usize) -> ArrayRef {
        let times = vec![self.loaded_at.timestamp_micros(); count];
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))
    }
}

/// What the lake remembers of its tables' changes.
pub(super) fn history(store: &Store) -> Result<Vec<SchemaChanged>> {
    let path = format!("{CHANGES}/data-1.parquet");
    let mut changes = Vec::new();
    if store.size(&path)?.is_some() {
        for batch in open(store, &path, None)? {
            changes.extend(changes_of(&batch?)?);
        }
    }
    Ok(changes)
}

fn changes_of(batch: &RecordBatch) -> Result<Vec<SchemaChanged>> {
    let texts = |name: &str| batch.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
    let [table, change, run] = ["table", "change", "run"].map(texts);
    let [stream, column, from, to] = ["stream", "column", "from_type", "to_type"].map(texts);
    let text = |texts: Option<&StringArray>, row: usize| {
        texts.filter(|texts| texts.is_valid(row)).map(|texts| texts.value(row).to_owned())
    };
    let times = batch
        .column_by_name("loaded_at")
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let records = batch.column_by_name("record").and_then(|column| column.as_primitive_opt::<Int64Type>());
    let of_row = |row: usize| {
        let table = text(table, row).unwrap_or_default();
        let record = records
            .filter(|records| records.is_valid(row))
            .map(|records| Position::unpack(records.value(row)));
        let change = SchemaChange {
            stream: StreamName::parse(text(stream, row).unwrap_or_else(|| table.clone()))?,
            table: TableName::parse(table)?,
            column: text(column, row),
            from: text(from, row),
            to: text(to, row),
            change: text(change, row).unwrap_or_default(),
            record,
        };
        let at =
            times.and_then(|times| Timestamp::from_timestamp_micros(times.value(row))).unwrap_or_default();
        Ok(SchemaChanged { at, run: text(run, row).unwrap_or_default(), change })
    };
    (0..batch.num_rows()).map(of_row).collect()
}

struct Shelf<'a> {
    store: &'a Store,
    staging: &'a str,
}

impl Shelf<'_> {
    fn put(
        &self,
        table: &'static str,
        columns: Vec<(&'static str, ColumnType, ArrayRef)>,
        keep: bool,
    ) -> Result<Operation> {
        let schema = Arc::new(schema(table, &columns));
        let arrays = columns.into_iter().map(|(_, _, array)| array).collect();
        let rows = RecordBatch::try_new(schema.arrow(), arrays).expect("the columns have one length");
        let from = format!("{}/{table}.parquet", self.staging);
        let to = format!("{table}/data-1.parquet");
        let mut writer = FileWriter::create(self.store, from.clone(), &schema, &rows)?;
        if keep && self.store.size(&to)?.is_some() {
            for batch in open(self.store, &to, None)? {
                // What an earlier version wrote has fewer columns.
                writer.write(&conform(&batch?, &schema)?)?;
            }
        }
        writer.write(&rows)?;
        writer.finish()?;
        Ok(Operation::Rename { from, to })
    }
}

fn schema(table: &'static str, columns: &[(&'static str, ColumnType, ArrayRef)]) -> TableSchema {
    let column = |(name, kind, _): &(&'static str, ColumnType, ArrayRef)| Column {
        name: (*name).to_owned(),
        kind: kind.clone(),
        source: String::new(),
        declared: true,
    };
    TableSchema {
        table: TableName::of(table),
        stream: StreamName::of("_clarion"),
        key: vec!["position".to_owned()],
        parent: None,
        time: None,
        columns: columns.iter().map(column).collect(),
    }
}

fn integers(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(values))
}

fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}
