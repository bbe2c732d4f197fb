//! A file under way whose latest records are held back.
//!
//! Details arrive a few at a time, in the order in which the vendor answers: where one change set ends and the next
//! begins, a few records are out of order. Without holding some back each such seam would begin a new file.

use std::sync::Arc;

use arrow::array::{RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use clarion_core::{Result, TableSchema};

use super::columns::{misshapen, ranges, record_keys, sorted, time_at, times};
use super::writer::{FileWriter, Staged};

/// Records held back: twice as many as are fetched at once.
const RECORDS: usize = 16;

pub(super) struct OpenFile {
    writer: FileWriter,
    tail: Option<RecordBatch>,
}

impl OpenFile {
    pub(super) fn new(writer: FileWriter) -> Self {
        Self { writer, tail: None }
    }

    /// Whether rows of this schema, from `time` on, can go into the file.
    pub(super) fn takes(&self, schema: &TableSchema, time: Option<i64>) -> bool {
        **self.writer.schema() == *schema && self.writer.takes(time)
    }

    /// Takes rows that are sorted by time and not before those that were written already.
    pub(super) fn append(&mut self, rows: &RecordBatch) -> Result<()> {
        let schema = self.writer.schema().clone();
        if schema.time.is_none() {
            return self.writer.write(rows);
        }
        let rows = match self.tail.take() {
            Some(tail) if first(rows, &schema)? < last(&tail, &schema)? => {
                join(&[tail, rows.clone()], &schema)?
            }
            Some(tail) => {
                self.writer.write(&tail)?;
                rows.clone()
            }
            None => rows.clone(),
        };
        let records = ranges(&record_keys(&rows, &schema)?);
        let start = records.get(records.len().saturating_sub(RECORDS)).map_or(0, |record| record.start);
        self.writer.write(&rows.slice(0, start))?;
        self.tail = Some(copied(&rows, start, &schema)?);
        Ok(())
    }

    /// Memory that a flush would free.
    pub(super) fn memory(&self) -> usize {
        self.writer.memory()
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        self.writer.flush()
    }

    pub(super) fn finish(mut self) -> Result<Staged> {
        if let Some(tail) = self.tail.take() {
            self.writer.write(&tail)?;
        }
        self.writer.finish()
    }
}

fn join(batches: &[RecordBatch], schema: &Arc<TableSchema>) -> Result<RecordBatch> {
    let joined = concat_batches(&schema.arrow(), batches).map_err(|error| misshapen(schema, error))?;
    sorted(joined, schema)
}

/// The rows from `start` on in memory of their own: a slice would keep the whole batch.
fn copied(rows: &RecordBatch, start: usize, schema: &TableSchema) -> Result<RecordBatch> {
    let index = |row: usize| u32::try_from(row).expect("a batch has fewer rows than that");
    let indices = UInt32Array::from_iter_values((start..rows.num_rows()).map(index));
    take_record_batch(rows, &indices).map_err(|error| misshapen(schema, error))
}

fn first(rows: &RecordBatch, schema: &TableSchema) -> Result<Option<i64>> {
    Ok(times(rows, schema)?.and_then(|times| time_at(&times, 0)))
}

fn last(rows: &RecordBatch, schema: &TableSchema) -> Result<Option<i64>> {
    Ok(times(rows, schema)?.and_then(|times| time_at(&times, rows.num_rows() - 1)))
}
