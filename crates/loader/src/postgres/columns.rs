//! Column types in PostgreSQL: the one mapping, and the text of keys.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::Int64Type;
use clarion_core::{ColumnType, Error, Kind, Result};

/// The types that our columns have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PgType {
    Boolean,
    Bigint,
    DoublePrecision,
    Timestamptz,
    Text,
    Jsonb,
}

impl PgType {
    pub(super) fn of(kind: &ColumnType) -> Self {
        match kind {
            ColumnType::Boolean => Self::Boolean,
            ColumnType::Integer | ColumnType::BigInteger => Self::Bigint,
            ColumnType::Double => Self::DoublePrecision,
            ColumnType::Timestamp => Self::Timestamptz,
            ColumnType::Text => Self::Text,
            ColumnType::Json | ColumnType::Struct(_) | ColumnType::List(_) => Self::Jsonb,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Bigint => "bigint",
            Self::DoublePrecision => "double precision",
            Self::Timestamptz => "timestamp with time zone",
            Self::Text => "text",
            Self::Jsonb => "jsonb",
        }
    }

    /// Whether values may be long enough to be compressed.
    pub(super) fn is_long(self) -> bool {
        matches!(self, Self::Text | Self::Jsonb)
    }
}

/// Reads a column of record keys as the keys' text.
pub(super) fn key_text(column: &ArrayRef) -> Result<impl Fn(usize) -> String> {
    let column = column.clone();
    let text = column.as_string_opt::<i32>().is_some();
    if !text && column.as_primitive_opt::<Int64Type>().is_none() {
        return Err(Error::new(Kind::Protocol, "a key is neither text nor an integer")
            .with("type", column.data_type()));
    }
    Ok(move |row: usize| {
        if text {
            column.as_string::<i32>().value(row).to_owned()
        } else {
            column.as_primitive::<Int64Type>().value(row).to_string()
        }
    })
}
