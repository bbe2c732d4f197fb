//! Reading a data file in batches whose size is bounded in bytes and not only in rows.

use std::fs::File;

use ::parquet::arrow::ProjectionMask;
use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::file::metadata::ParquetMetaData;
use arrow::array::RecordBatch;
use clarion_core::{Error, Kind, Result};

use super::store::Store;

/// What a batch should be in memory: small enough to have one of each input of a merge.
const BATCH_BYTES: i64 = 1 << 20;
/// Rows of a batch of narrow columns.
const MAX_ROWS: i64 = 8192;

/// The batches of a file.
pub(super) struct Batches {
    path: String,
    rows: usize,
    inner: ParquetRecordBatchReader,
}

/// Opens a file; with `columns`, only those.
pub(super) fn open(store: &Store, name: &str, columns: Option<&[&str]>) -> Result<Batches> {
    batches(store.open(name)?, store.shown(name), columns)
}

/// The batches of a file that is open.
pub(super) fn batches(file: File, path: String, columns: Option<&[&str]>) -> Result<Batches> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(|error| unreadable(&path, error))?;
    let rows = if columns.is_some() { MAX_ROWS } else { batch_rows(builder.metadata()) };
    let rows = usize::try_from(rows).unwrap_or(1);
    let mut builder = builder.with_batch_size(rows);
    if let Some(columns) = columns {
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        builder = builder.with_projection(mask);
    }
    let inner = builder.build().map_err(|error| unreadable(&path, error))?;
    Ok(Batches { path, rows, inner })
}

impl Batches {
    /// How many rows a batch has, the last one aside.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }
}

impl Iterator for Batches {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let batch = self.inner.next()?;
        Some(batch.map_err(|error| unreadable(&self.path, error)))
    }
}

/// As many rows as fit the bytes, going by the widest row group.
fn batch_rows(metadata: &ParquetMetaData) -> i64 {
    let groups = metadata.row_groups().iter();
    let widest = groups.map(|group| group.total_byte_size() / group.num_rows().max(1)).max().unwrap_or(1);
    (BATCH_BYTES / widest.max(1)).clamp(1, MAX_ROWS)
}

fn unreadable(path: &str, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(Kind::Corrupt, "a data file cannot be read")
        .with("path", path)
        .hint("rebuild the destination with `clarion replay`; it costs no API request")
        .source(error)
}
