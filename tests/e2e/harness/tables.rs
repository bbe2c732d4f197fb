//! Destinations as they stand: every row of every table, every byte of every file, every row version.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::json::writer::{JsonArray, WriterBuilder};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;

use super::Database;

/// Rows by table, in an order that only their content decides.
pub(crate) type Tables = BTreeMap<String, Vec<Value>>;

/// All of a lake, as a plain glob sees it.
pub(crate) fn lake_tables(lake: &Path) -> Tables {
    let mut tables = Tables::new();
    for folder in entries(lake) {
        let name = file_name(&folder);
        if !name.starts_with('_') {
            let rows = files(&folder).iter().flat_map(|file| parquet_rows(file)).collect();
            tables.insert(name, sorted(rows));
        }
    }
    tables
}

/// All of the schema `clari`, metadata left out.
pub(crate) async fn warehouse_tables(database: &Database) -> Tables {
    let mut tables = Tables::new();
    for table in database.tables().await {
        if !table.starts_with('_') {
            let rows = database.rows(&format!("SELECT * FROM clari.\"{table}\"")).await;
            tables.insert(table, sorted(rows));
        }
    }
    tables
}

/// The same rows without one column.
pub(crate) fn without(tables: &Tables, column: &str) -> Tables {
    let strip = |row: &Value| {
        let mut row = row.clone();
        row.as_object_mut().expect("a row is an object").remove(column);
        row
    };
    let tables = tables.iter();
    tables.map(|(name, rows)| (name.clone(), sorted(rows.iter().map(strip).collect()))).collect()
}

/// Every file below a folder with its bytes and when it was last written.
pub(crate) fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let read = |path: PathBuf| {
        let written = fs::metadata(&path).and_then(|metadata| metadata.modified());
        let bytes = fs::read(&path).expect("the file can be read");
        (path, (written.expect("the system keeps times"), bytes))
    };
    files(folder).into_iter().map(read).collect()
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in entries(&folder) {
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

/// Copies every file below a folder.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).expect("it lies below"));
        fs::create_dir_all(target.parent().expect("a file has a folder")).expect("the folder can be made");
        fs::copy(&path, target).expect("the file can be copied");
    }
}

/// The rows of one file as JSON, nulls included.
pub(super) fn parquet_rows(path: &Path) -> Vec<Value> {
    let file = File::open(path).expect("the file is there");
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    let reader = reader.unwrap_or_else(|error| panic!("{} is not whole: {error}", path.display()));
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, JsonArray>(Vec::new());
    for batch in reader {
        let batch = with_offsets(&batch.expect("the file is whole"));
        writer.write(&batch).expect("rows are JSON");
    }
    writer.finish().expect("rows are JSON");
    let text = writer.into_inner();
    if text.is_empty() {
        return Vec::new();
    }
    serde_json::from_slice(&text).expect("rows are JSON")
}

/// Arrow's JSON writer knows offsets only, and no names of zones.
fn with_offsets(batch: &RecordBatch) -> RecordBatch {
    let schema = batch.schema();
    let fields: Vec<Field> = schema.fields().iter().map(|field| offset_field(field)).collect();
    let columns = batch.columns().iter().zip(&fields);
    let columns =
        columns.map(|(column, field)| cast(column, field.data_type()).expect("only the zone changes"));
    let columns: Vec<ArrayRef> = columns.collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .expect("the same rows")
}

fn offset_field(field: &Field) -> Field {
    let kind = match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => DataType::Timestamp(*unit, Some("+00:00".into())),
        DataType::List(item) => DataType::List(Arc::new(offset_field(item))),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| offset_field(field)).collect())
        }
        other => other.clone(),
    };
    field.clone().with_data_type(kind)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn sorted(mut rows: Vec<Value>) -> Vec<Value> {
    rows.sort_by_cached_key(Value::to_string);
    rows
}
