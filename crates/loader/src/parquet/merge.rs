//! Merging files by time, a batch of each at a time.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, RecordBatch, TimestampMicrosecondArray};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use clarion_core::{Result, TableSchema};

use super::columns::{misshapen, time_at, times};
use super::edit::Edit;
use super::reader::{Batches, open};
use super::store::Store;
use super::writer::{FileWriter, Staged};
use crate::evolve::conform;

/// Pieces that are joined before they are written, at most.
const MAX_PIECES: usize = 64;

/// A file that goes into a merge.
pub(super) struct Input {
    pub(super) store: Store,
    pub(super) name: String,
    /// The time of its first row; it is not opened before its turn.
    pub(super) min_time: Option<i64>,
    /// What happens to its rows; `None` for a file of this load.
    pub(super) edit: Option<Arc<Edit>>,
}

/// Merges `inputs`, each sorted by time, into a new file in the shape of `schema`. `None` if no row is left.
pub(super) fn merge(
    inputs: Vec<Input>,
    schema: &Arc<TableSchema>,
    create: impl FnOnce(&RecordBatch) -> Result<FileWriter>,
) -> Result<Option<Staged>> {
    let mut output = Output {
        arrow: schema.arrow(),
        schema,
        pieces: Vec::new(),
        rows: 0,
        limit: 1,
        create: Some(create),
        writer: None,
    };
    let mut cursors: Vec<Cursor> = inputs.into_iter().map(Cursor::new).collect();
    while let Some(next) = earliest(&cursors, None) {
        if cursors[next].batch.is_none() {
            // Its first rows may have left: look again at who is first.
            cursors[next].advance(schema)?;
            continue;
        }
        let bound = earliest(&cursors, Some(next)).map(|other| cursors[other].head);
        output.limit = cursors[next].batches.as_ref().map_or(1, Batches::rows);
        output.take(cursors[next].piece(bound))?;
        if cursors[next].is_spent() {
            cursors[next].advance(schema)?;
        }
    }
    output.finish()
}

/// The cursor with the smallest head, the first of equals.
fn earliest(cursors: &[Cursor], except: Option<usize>) -> Option<usize> {
    let open = cursors.iter().enumerate().filter(|(index, cursor)| Some(*index) != except && !cursor.done);
    open.min_by_key(|(_, cursor)| cursor.head).map(|(index, _)| index)
}

struct Cursor {
    input: Input,
    batches: Option<Batches>,
    batch: Option<RecordBatch>,
    times: Option<TimestampMicrosecondArray>,
    row: usize,
    /// The time of the next row.
    head: Option<i64>,
    done: bool,
}

impl Cursor {
    fn new(input: Input) -> Self {
        let head = input.min_time;
        Self { input, batches: None, batch: None, times: None, row: 0, head, done: false }
    }

    /// Goes to the next batch that has rows.
    fn advance(&mut self, schema: &TableSchema) -> Result<()> {
        self.batch = None;
        self.row = 0;
        if self.batches.is_none() {
            self.batches = Some(open(&self.input.store, &self.input.name, None)?);
        }
        while let Some(batch) = self.batches.as_mut().and_then(Iterator::next) {
            let batch = self.shape(&batch?, schema)?;
            if batch.num_rows() > 0 {
                self.times = times(&batch, schema)?;
                self.batch = Some(batch);
                self.head = self.time();
                return Ok(());
            }
        }
        self.batches = None;
        self.done = true;
        Ok(())
    }

    fn shape(&self, batch: &RecordBatch, schema: &TableSchema) -> Result<RecordBatch> {
        let arrow = schema.arrow();
        let batch = if batch.schema().fields() == arrow.fields() {
            RecordBatch::try_new(arrow, batch.columns().to_vec()).map_err(|error| misshapen(schema, error))?
        } else {
            conform(batch, schema)?
        };
        self.input.edit.as_ref().map_or(Ok(batch.clone()), |edit| edit.apply(&batch, schema))
    }

    /// The next rows that are not after `bound`; all of the batch where nobody else has rows.
    fn piece(&mut self, bound: Option<Option<i64>>) -> RecordBatch {
        let batch = self.batch.as_ref().expect("a piece is taken from an open batch");
        let rows = self.row..batch.num_rows();
        let end = match (&self.times, bound) {
            (Some(times), Some(bound)) => rows.start + not_after(times, rows.clone(), bound),
            _ => rows.end,
        };
        let piece = batch.slice(rows.start, end - rows.start);
        self.row = end;
        self.head = self.time();
        piece
    }

    fn is_spent(&self) -> bool {
        self.batch.as_ref().is_none_or(|batch| self.row == batch.num_rows())
    }

    fn time(&self) -> Option<i64> {
        self.times.as_ref().filter(|times| self.row < times.len()).and_then(|times| time_at(times, self.row))
    }
}

/// How many rows of a sorted range are not after `bound`.
fn not_after(times: &TimestampMicrosecondArray, rows: Range<usize>, bound: Option<i64>) -> usize {
    let (mut low, mut high) = (rows.start, rows.end);
    while low < high {
        let middle = low.midpoint(high);
        if time_at(times, middle) <= bound { low = middle + 1 } else { high = middle }
    }
    low - rows.start
}

/// Joins small pieces, so that the writer is not called row by row.
struct Output<'a, C> {
    arrow: SchemaRef,
    schema: &'a TableSchema,
    pieces: Vec<RecordBatch>,
    rows: usize,
    limit: usize,
    create: Option<C>,
    writer: Option<FileWriter>,
}

impl<C: FnOnce(&RecordBatch) -> Result<FileWriter>> Output<'_, C> {
    fn take(&mut self, piece: RecordBatch) -> Result<()> {
        self.rows += piece.num_rows();
        self.pieces.push(piece);
        if self.rows >= self.limit || self.pieces.len() >= MAX_PIECES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<()> {
        let pieces = std::mem::take(&mut self.pieces);
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(());
        }
        let batch = concat_batches(&self.arrow, &pieces).map_err(|error| misshapen(self.schema, error))?;
        if let Some(create) = self.create.take() {
            self.writer = Some(create(&batch)?);
        }
        self.writer.as_mut().expect("the first rows made it").write(&batch)
    }

    fn finish(mut self) -> Result<Option<Staged>> {
        self.write()?;
        self.writer.map(FileWriter::finish).transpose()
    }
}
