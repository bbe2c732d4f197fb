//! One Parquet file being written: encoding, row groups by bytes, and what the manifest must know of it.

use std::fs::File;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use clarion_core::{Error, Kind, Result, TableSchema};

use super::columns::{misshapen, ranges, record_keys, time_at, times};
use super::keys::hash;
use super::store::{Store, failed};

/// Past this a file is closed and another begun.
pub(super) const FILE_BYTES: u64 = 128 << 20;
/// Readers load a row group at a time, and so does nobody have to hold more.
const GROUP_BYTES: usize = 16 << 20;
/// Readers hold a page of each column at a time.
const PAGE_BYTES: usize = 512 << 10;
/// Bytes between two looks at the page's size: a page is at most that much too long.
const LOOK_BYTES: usize = 64 << 10;
/// Level 3 would make transcripts 9 % smaller, for twice the CPU time.
const ZSTD_LEVEL: i32 = 1;
/// Text longer than this hardly repeats, so that a dictionary of it is work for nothing.
const LONG_TEXT: usize = 48;

pub(super) struct FileWriter {
    name: String,
    store: Store,
    inner: ArrowWriter<File>,
    schema: Arc<TableSchema>,
    rows: u64,
    first_time: Option<i64>,
    last_time: Option<i64>,
    hashes: Vec<u64>,
}

/// A complete file in the staging folder.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) name: String,
    pub(super) schema: Arc<TableSchema>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) min_time: Option<i64>,
    pub(super) max_time: Option<i64>,
    /// Hashes of the record keys, in the order of rows.
    pub(super) hashes: Vec<u64>,
}

impl FileWriter {
    /// Begins a file; `sample` decides which columns get a dictionary and statistics.
    pub(super) fn create(
        store: &Store,
        name: String,
        schema: &Arc<TableSchema>,
        sample: &RecordBatch,
    ) -> Result<Self> {
        let file = store.create(&name)?;
        let inner = ArrowWriter::try_new(file, schema.arrow(), Some(properties(sample)))
            .map_err(|error| misshapen(schema, error))?;
        Ok(Self {
            name,
            store: store.clone(),
            inner,
            schema: schema.clone(),
            rows: 0,
            first_time: None,
            last_time: None,
            hashes: Vec::new(),
        })
    }

    pub(super) fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// Whether rows from `time` on can follow what is in the file.
    pub(super) fn takes(&self, time: Option<i64>) -> bool {
        self.last_time <= time
            && (self.inner.bytes_written() + self.inner.in_progress_size()) as u64 <= FILE_BYTES
    }

    /// Appends rows that are sorted by time and not before what is there.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.inner.write(batch).map_err(|error| self.unwritable(error))?;
        if let Some(times) = times(batch, &self.schema)? {
            if self.rows == 0 {
                self.first_time = time_at(&times, 0);
            }
            self.last_time = time_at(&times, times.len() - 1);
        }
        self.rows += batch.num_rows() as u64;
        let keys = record_keys(batch, &self.schema)?;
        self.hashes.extend(ranges(&keys).iter().map(|rows| hash(keys.value(rows.start))));
        Ok(())
    }

    /// Memory that a flush would free.
    pub(super) fn memory(&self) -> usize {
        self.inner.memory_size()
    }

    /// Ends the row group.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.inner.flush().map_err(|error| self.unwritable(error))
    }

    /// Completes the file. It is durable only once it was synced.
    pub(super) fn finish(mut self) -> Result<Staged> {
        self.inner.finish().map_err(|error| self.unwritable(error))?;
        self.hashes.dedup();
        let bytes = self.inner.bytes_written() as u64;
        self.store.completed(&self.name, bytes)?;
        Ok(Staged {
            bytes,
            name: self.name,
            schema: self.schema,
            rows: self.rows,
            min_time: self.first_time,
            max_time: self.last_time,
            hashes: self.hashes,
        })
    }

    fn unwritable(&self, error: ParquetError) -> Error {
        let path = self.store.shown(&self.name);
        match error {
            ParquetError::External(source) => match source.downcast::<std::io::Error>() {
                Ok(source) => failed("write a file", path, *source),
                Err(source) => {
                    Error::new(Kind::Storage, "cannot write a file").with("path", path).source(source)
                }
            },
            other => Error::new(Kind::Storage, "cannot write a file").with("path", path).source(other),
        }
    }
}

fn properties(sample: &RecordBatch) -> WriterProperties {
    let level = ZstdLevel::try_new(ZSTD_LEVEL).expect("the level is one that zstd has");
    let bytes = sliced_bytes(sample) / sample.num_rows().max(1);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_bytes(Some(GROUP_BYTES))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_dictionary_page_size_limit(PAGE_BYTES)
        .set_write_batch_size((LOOK_BYTES / bytes.max(1)).clamp(1, 1024))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by("clarion".to_owned());
    for (field, column) in sample.schema().fields().iter().zip(sample.columns()) {
        for path in long_texts(column, vec![field.name().clone()]) {
            let path = ColumnPath::new(path);
            // Nobody looks for a range of sentences.
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_statistics_enabled(path, EnabledStatistics::None);
        }
        if *field.data_type() == DataType::Float64 {
            // Seconds within a call hardly repeat either.
            let path = ColumnPath::new(vec![field.name().clone()]);
            properties = properties.set_column_dictionary_enabled(path, false);
        }
    }
    properties.build()
}

/// Memory of the rows themselves: a slice keeps the buffers of the whole batch.
pub(super) fn sliced_bytes(batch: &RecordBatch) -> usize {
    let bytes = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or_default();
    batch.columns().iter().map(bytes).sum()
}

/// The paths of the text columns whose values are long on average.
fn long_texts(column: &ArrayRef, path: Vec<String>) -> Vec<Vec<String>> {
    let below =
        |name: &[&str]| path.iter().cloned().chain(name.iter().map(|&part| part.to_owned())).collect();
    match column.data_type() {
        DataType::Utf8 => {
            let texts = column.as_string::<i32>();
            let bytes =
                usize::try_from(texts.value_offsets().last().unwrap_or(&0) - texts.value_offsets()[0]);
            let present = (texts.len() - texts.null_count()).max(1);
            if bytes.unwrap_or_default() / present > LONG_TEXT { vec![path] } else { Vec::new() }
        }
        DataType::Struct(fields) => {
            let inner = fields.iter().zip(column.as_struct().columns());
            inner.flat_map(|(field, column)| long_texts(column, below(&[field.name()]))).collect()
        }
        DataType::List(_) => long_texts(column.as_list::<i32>().values(), below(&["list", "item"])),
        _ => Vec::new(),
    }
}
