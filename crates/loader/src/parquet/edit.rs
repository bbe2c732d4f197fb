//! What a load does to rows that are in a file already: some leave, some get a mark of deletion.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, Scalar, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::zip::zip;
use clarion_core::{RecordKey, Result, TableSchema, Timestamp, Tombstone};

use super::columns::{column, misshapen, positions, runs};

/// The changes to old rows of one table in one load.
#[derive(Debug)]
pub(super) struct Edit {
    /// Records whose old rows leave.
    pub(super) leaving: HashSet<RecordKey>,
    /// Records that were deleted at the source.
    pub(super) deleted: HashMap<RecordKey, Tombstone>,
    pub(super) loaded_at: Timestamp,
}

impl Edit {
    pub(super) fn new(loaded_at: Timestamp) -> Self {
        Self { leaving: HashSet::new(), deleted: HashMap::new(), loaded_at }
    }

    /// Records whose old rows change.
    pub(super) fn keys(&self) -> impl Iterator<Item = &RecordKey> {
        self.leaving.iter().chain(self.deleted.keys())
    }

    /// The old rows as they are after the load.
    pub(super) fn apply(&self, batch: &RecordBatch, schema: &TableSchema) -> Result<RecordBatch> {
        if self.leaving.is_empty() && self.deleted.is_empty() {
            return Ok(batch.clone());
        }
        let runs = runs(batch, schema)?;
        let mut stays = vec![true; batch.num_rows()];
        for run in runs.iter().filter(|run| self.leaving.contains(&run.key)) {
            stays[run.rows.clone()].fill(false);
        }
        let marked = mark(batch, schema, &self.deleted, self.loaded_at)?;
        if stays.iter().all(|&stays| stays) {
            return Ok(marked);
        }
        filter_record_batch(&marked, &BooleanArray::from(stays)).map_err(|error| misshapen(schema, error))
    }
}

/// Marks the rows of deleted records, unless they are newer than the delete.
pub(super) fn mark(
    batch: &RecordBatch,
    schema: &TableSchema,
    deleted: &HashMap<RecordKey, Tombstone>,
    loaded_at: Timestamp,
) -> Result<RecordBatch> {
    if deleted.is_empty() {
        return Ok(batch.clone());
    }
    let positions = positions(batch, schema)?;
    let mut marked = batch.clone();
    for run in runs(batch, schema)? {
        let newest = run.rows.clone().map(|row| positions.value(row)).max();
        let tombstone = deleted.get(&run.key).filter(|tombstone| newest <= Some(tombstone.position.pack()));
        if let Some(tombstone) = tombstone {
            marked = mark_rows(&marked, schema, &run.rows, &stamps(tombstone, loaded_at))?;
        }
    }
    Ok(marked)
}

/// The values that a deleted record has in the columns of ours.
fn stamps(tombstone: &Tombstone, loaded_at: Timestamp) -> [(&'static str, ArrayRef); 4] {
    let time = |time: Timestamp| {
        Arc::new(TimestampMicrosecondArray::from(vec![time.timestamp_micros()]).with_timezone("UTC"))
    };
    [
        ("_deleted_at", time(tombstone.deleted_at)),
        ("_loaded_at", time(loaded_at)),
        ("_run_id", Arc::new(StringArray::from(vec![tombstone.run_id.as_str()]))),
        ("_position", Arc::new(Int64Array::from(vec![tombstone.position.pack()]))),
    ]
}

fn mark_rows(
    batch: &RecordBatch,
    schema: &TableSchema,
    rows: &Range<usize>,
    stamps: &[(&'static str, ArrayRef)],
) -> Result<RecordBatch> {
    let mask: BooleanArray = (0..batch.num_rows()).map(|row| Some(rows.contains(&row))).collect();
    let mut columns = batch.columns().to_vec();
    for (name, value) in stamps {
        let old = column(batch, schema, name)?;
        let index = batch.schema().index_of(name).map_err(|error| misshapen(schema, error))?;
        let value = Scalar::new(value.clone());
        columns[index] = zip(&mask, &value, old).map_err(|error| misshapen(schema, error))?;
    }
    RecordBatch::try_new(batch.schema(), columns).map_err(|error| misshapen(schema, error))
}
