//! The tables that tell what was loaded: one small file each, replaced as a whole.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use clarion_core::{
    Column, ColumnType, Fence, JournalId, Position, Result, RunId, StreamName, TableName, TableSchema,
    Timestamp,
};

use super::manifest::Operation;
use super::reader::open;
use super::store::Store;
use super::writer::FileWriter;

/// One load, for the metadata tables.
pub(super) struct Entry {
    pub(super) run_id: RunId,
    pub(super) position: Position,
    pub(super) journal: JournalId,
    pub(super) fence: Fence,
    pub(super) loaded_at: Timestamp,
    pub(super) seconds: f64,
    pub(super) tables: Vec<(TableName, u64, u64)>,
    pub(super) changes: Vec<(TableName, String)>,
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
            operations.push(shelf.put("_clarion_schema_changes", self.change_rows(), true)?);
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
        vec![
            ("run", ColumnType::Text, texts(vec![self.run_id.as_str(); count])),
            ("position", ColumnType::Integer, integers(vec![self.position.pack(); count])),
            ("table", ColumnType::Text, texts(self.changes.iter().map(|(name, _)| name.as_str()))),
            ("change", ColumnType::Text, texts(self.changes.iter().map(|(_, change)| change.as_str()))),
            ("loaded_at", ColumnType::Timestamp, self.times(count)),
        ]
    }

    fn times(&self, count: usize) -> ArrayRef {
        let times = vec![self.loaded_at.timestamp_micros(); count];
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("UTC"))
    }
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
                writer.write(&batch?)?;
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
