//! Tables: their columns and types, and what those are in Arrow.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};
use serde::{Deserialize, Serialize};

use crate::{StreamName, TableName};

/// The metadata key by which a field of JSON text is known from one of text; its value is `json`.
pub const KIND_METADATA: &str = "clarion.kind";

/// A table as a destination holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSchema {
    pub table: TableName,
    /// The stream whose records fill it.
    pub stream: StreamName,
    /// The key's columns: the record's key, or parent key and index.
    pub key: Vec<String>,
    /// Child tables: the column that holds the parent's key.
    pub parent: Option<String>,
    /// The column by which rows are partitioned by month and sorted.
    pub time: Option<String>,
    pub columns: Vec<Column>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub kind: ColumnType,
    /// The vendor's field, as a path; empty for a column of our own.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Typed by the contract rather than inferred.
    #[serde(default)]
    pub declared: bool,
}

/// The types of columns and of the values nested in them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    Boolean,
    /// Within ±2^53.
    Integer,
    /// 64-bit integers past 2^53 occurred: such a column meets doubles in text.
    BigInteger,
    Double,
    /// UTC, microseconds.
    Timestamp,
    Text,
    /// JSON text: where scalars met nested values.
    Json,
    Struct(Vec<(String, ColumnType)>),
    List(Box<ColumnType>),
}

impl TableSchema {
    /// The schema of the table's batches and files. Everything is nullable but the key.
    pub fn arrow(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| column.kind.field(&column.name, !self.key.contains(&column.name)))
            .collect();
        Arc::new(Schema::new(fields))
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

impl ColumnType {
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer | Self::BigInteger => DataType::Int64,
            Self::Double => DataType::Float64,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Text | Self::Json => DataType::Utf8,
            Self::Struct(fields) => {
                DataType::Struct(fields.iter().map(|(name, kind)| Arc::new(kind.field(name, true))).collect())
            }
            Self::List(item) => DataType::List(Self::list_item(item)),
        }
    }

    /// The field of a list's items.
    pub fn list_item(item: &Self) -> FieldRef {
        Arc::new(item.field("item", true))
    }

    /// A field of this type. JSON text is marked in the metadata, since Arrow itself takes it for any other text.
    pub fn field(&self, name: &str, nullable: bool) -> Field {
        let field = Field::new(name, self.arrow(), nullable);
        if *self != Self::Json {
            return field;
        }
        field.with_metadata([(KIND_METADATA.to_owned(), "json".to_owned())].into())
    }

    pub fn is_nested(&self) -> bool {
        matches!(self, Self::Struct(_) | Self::List(_))
    }
}

impl std::fmt::Display for ColumnType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::Integer | Self::BigInteger => f.write_str("integer"),
            Self::Double => f.write_str("double"),
            Self::Timestamp => f.write_str("timestamp"),
            Self::Text => f.write_str("text"),
            Self::Json => f.write_str("json"),
            Self::Struct(fields) => {
                let fields: Vec<String> =
                    fields.iter().map(|(name, kind)| format!("{name} {kind}")).collect();
                write!(f, "struct({})", fields.join(", "))
            }
            Self::List(item) => write!(f, "list({item})"),
        }
    }
}
