//! A table's folder, read as a plain glob sees it: every `.parquet` file below it, and each to its end.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::tables::{Kind, NULL, Rows, Table};

/// The rows of a table that are not marked as deleted; none if its folder is not there. An unreadable file is an error that names it.
pub(crate) fn rows(table: &Table, lake: &Path) -> Result<Rows, String> {
    let mut rows = Rows::new();
    for file in files(&lake.join(table.name)) {
        let read = read(table, &file, &mut rows);
        read.map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    }
    Ok(rows)
}

/// Every `.parquet` file below a folder, sorted.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|suffix| suffix == "parquet") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn read(table: &Table, file: &Path, rows: &mut Rows) -> Result<(), String> {
    let open = File::open(file).map_err(|error| error.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(open).and_then(|builder| builder.build());
    for batch in reader.map_err(|error| error.to_string())? {
        append(table, &batch.map_err(|error| error.to_string())?, rows)?;
    }
    Ok(())
}

fn append(table: &Table, batch: &RecordBatch, rows: &mut Rows) -> Result<(), String> {
    let mut columns = Vec::new();
    for (name, kind) in table.columns {
        let column = batch.column_by_name(name).ok_or_else(|| format!("there is no column {name}"))?;
        columns.push(cells(column, *kind)?);
    }
    let marks = batch.column_by_name("_deleted_at").ok_or("there is no column _deleted_at")?;
    let kept = (0..batch.num_rows()).filter(|row| marks.is_null(*row));
    rows.extend(kept.map(|row| columns.iter().map(|column| column[row].clone()).collect()));
    Ok(())
}

fn cells(column: &ArrayRef, kind: Kind) -> Result<Vec<String>, String> {
    if kind == Kind::Time {
        let times = column.as_primitive_opt::<TimestampMicrosecondType>().ok_or("a time is no timestamp")?;
        return Ok(times
            .iter()
            .map(|time| time.map_or_else(|| NULL.to_owned(), |time| time.to_string()))
            .collect());
    }
    let options = FormatOptions::default();
    let shown = ArrayFormatter::try_new(column, &options).map_err(|error| error.to_string())?;
    let cell = |row| if column.is_null(row) { NULL.to_owned() } else { shown.value(row).to_string() };
    Ok((0..column.len()).map(cell).collect())
}
