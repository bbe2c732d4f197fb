//! Arrow batches as PostgreSQL's binary COPY format.

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use clarion_core::{ColumnType, Error, Kind, Result, TableSchema};

use super::json;

/// Signature, no flags, no extension ("File Formats, Binary Format" of the COPY manual page).
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// Microseconds from 1970 to 2000, where the server's time begins.
const EPOCH_SHIFT: i64 = 946_684_800_000_000;
/// The only version of jsonb's binary form: one byte, then JSON text.
const JSONB_VERSION: u8 = 1;
/// The server refuses a field of 1 GB, header included.
const MAX_FIELD: usize = 0x3fff_ff00;

/// Encodes the rows of one batch.
pub(super) struct Encoder<'a> {
    cells: Vec<Cells<'a>>,
    fields: [u8; 2],
}

enum Cells<'a> {
    Boolean(&'a BooleanArray),
    Integer(&'a Int64Array),
    Double(&'a Float64Array),
    Timestamp(&'a TimestampMicrosecondArray),
    Text(&'a StringArray),
    Json(&'a StringArray),
    Nested(&'a ArrayRef, &'a ColumnType),
}

impl<'a> Encoder<'a> {
    pub(super) fn new(batch: &'a RecordBatch, schema: &'a TableSchema) -> Result<Self> {
        let mut cells = Vec::with_capacity(schema.columns.len());
        for (index, column) in schema.columns.iter().enumerate() {
            let array = batch.columns().get(index).filter(|array| *array.data_type() == column.kind.arrow());
            let array = array.ok_or_else(|| unexpected(schema, &column.name))?;
            cells.push(Cells::of(array, &column.kind));
        }
        let fields = i16::try_from(cells.len()).map_err(|_| unexpected(schema, "(too many)"))?;
        Ok(Self { cells, fields: fields.to_be_bytes() })
    }

    pub(super) fn begin(out: &mut Vec<u8>) {
        out.extend_from_slice(HEADER);
    }

    pub(super) fn end(out: &mut Vec<u8>) {
        out.extend_from_slice(&TRAILER);
    }

    pub(super) fn row(&self, row: usize, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&self.fields);
        for cells in &self.cells {
            if cells.is_null(row) {
                out.extend_from_slice(&NULL);
                continue;
            }
            let start = out.len();
            out.extend_from_slice(&NULL);
            cells.write(row, out);
            let length = out.len() - start - NULL.len();
            if length > MAX_FIELD {
                return Err(Error::new(Kind::Storage, "a value is longer than PostgreSQL can hold"));
            }
            let length = i32::try_from(length).expect("below 1 GB");
            out[start..start + NULL.len()].copy_from_slice(&length.to_be_bytes());
        }
        Ok(())
    }
}

impl<'a> Cells<'a> {
    /// The array's type was compared with the column's before.
    fn of(array: &'a ArrayRef, kind: &'a ColumnType) -> Self {
        match kind {
            ColumnType::Boolean => Self::Boolean(array.as_boolean()),
            ColumnType::Integer | ColumnType::BigInteger => Self::Integer(array.as_primitive::<Int64Type>()),
            ColumnType::Double => Self::Double(array.as_primitive::<Float64Type>()),
            ColumnType::Timestamp => Self::Timestamp(array.as_primitive::<TimestampMicrosecondType>()),
            ColumnType::Text => Self::Text(array.as_string()),
            ColumnType::Json => Self::Json(array.as_string()),
            ColumnType::Struct(_) | ColumnType::List(_) => Self::Nested(array, kind),
        }
    }

    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Boolean(array) => array.is_null(row),
            Self::Integer(array) => array.is_null(row),
            Self::Double(array) => array.is_null(row),
            Self::Timestamp(array) => array.is_null(row),
            Self::Text(array) | Self::Json(array) => array.is_null(row),
            Self::Nested(array, _) => array.is_null(row),
        }
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) {
        match self {
            Self::Boolean(array) => out.push(u8::from(array.value(row))),
            Self::Integer(array) => out.extend_from_slice(&array.value(row).to_be_bytes()),
            Self::Double(array) => out.extend_from_slice(&array.value(row).to_be_bytes()),
            Self::Timestamp(array) => {
                out.extend_from_slice(&array.value(row).saturating_sub(EPOCH_SHIFT).to_be_bytes());
            }
            Self::Text(array) => write_text(array.value(row), out),
            Self::Json(array) => {
                out.push(JSONB_VERSION);
                json::write_document(array.value(row), out);
            }
            Self::Nested(array, kind) => {
                out.push(JSONB_VERSION);
                json::write_value(array, kind, row, out);
            }
        }
    }
}

/// The server's text has no NUL. The normaliser mends it; a second look costs little and saves a load.
fn write_text(text: &str, out: &mut Vec<u8>) {
    if text.as_bytes().contains(&0) {
        out.extend_from_slice(text.replace('\0', "\u{fffd}").as_bytes());
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn unexpected(schema: &TableSchema, column: &str) -> Error {
    Error::new(Kind::Protocol, "a batch does not have its table's columns")
        .with("table", &schema.table)
        .with("column", column)
}
