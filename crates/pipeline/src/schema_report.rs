//! What `schema show` and `schema history` show.

use std::collections::BTreeMap;
use std::sync::Arc;

use clarion_core::{DestinationState, Result, SchemaChanged, TableSchema};
use serde::Serialize;

use crate::engine::Engine;

/// By destination.
#[derive(Debug, Serialize)]
pub struct SchemaReport {
    pub destinations: BTreeMap<String, DestinationSchema>,
}

#[derive(Debug, Default, Serialize)]
pub struct DestinationSchema {
    pub tables: BTreeMap<String, TableShape>,
    /// Why its tables cannot be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct TableShape {
    pub stream: String,
    pub rows: u64,
    pub key: Vec<String>,
    /// The column by which it is partitioned and sorted.
    pub time: Option<String>,
    pub columns: Vec<ColumnShape>,
}

#[derive(Debug, Serialize)]
pub struct ColumnShape {
    pub name: String,
    #[serde(rename = "type")]
    pub kind: String,
    /// The vendor's field; empty for a column of our own.
    pub source: String,
    /// Typed by the contract rather than learnt from records.
    pub declared: bool,
}

/// By destination.
#[derive(Debug, Serialize)]
pub struct HistoryReport {
    pub destinations: BTreeMap<String, DestinationHistory>,
}

#[derive(Debug, Default, Serialize)]
pub struct DestinationHistory {
    /// Oldest first.
    pub changes: Vec<SchemaChanged>,
    /// Why they cannot be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Engine {
    /// The tables of every destination, or of one, beside whoever writes to it. One that is down is told, and hides no
    /// other.
    ///
    /// # Errors
    /// `Config` if there is no destination of that name.
    pub async fn schema(&self, destination: Option<&str>) -> Result<SchemaReport> {
        let mut destinations = BTreeMap::new();
        for one in self.chosen(destination)? {
            let schema = match one.inspect().await {
                Ok(state) => DestinationSchema { tables: shapes(&state), error: None },
                Err(error) => {
                    DestinationSchema { error: Some(error.chain()), ..DestinationSchema::default() }
                }
            };
            destinations.insert(one.name().to_owned(), schema);
        }
        Ok(SchemaReport { destinations })
    }

    /// How the tables of every destination, or of one, came to be what they are.
    ///
    /// # Errors
    /// `Config` if there is no destination of that name.
    pub async fn schema_history(&self, destination: Option<&str>) -> Result<HistoryReport> {
        let mut destinations = BTreeMap::new();
        for one in self.chosen(destination)? {
            let history = match one.schema_history().await {
                Ok(changes) => DestinationHistory { changes, error: None },
                Err(error) => {
                    DestinationHistory { error: Some(error.chain()), ..DestinationHistory::default() }
                }
            };
            destinations.insert(one.name().to_owned(), history);
        }
        Ok(HistoryReport { destinations })
    }
}

fn shapes(state: &DestinationState) -> BTreeMap<String, TableShape> {
    let shape = |schema: &Arc<TableSchema>| TableShape {
        stream: schema.stream.to_string(),
        rows: state.tables.get(&schema.table).map_or(0, |table| table.rows),
        key: schema.key.clone(),
        time: schema.time.clone(),
        columns: schema
            .columns
            .iter()
            .map(|column| ColumnShape {
                name: column.name.clone(),
                kind: column.kind.to_string(),
                source: column.source.clone(),
                declared: column.declared,
            })
            .collect(),
    };
    state.schemas.iter().map(|(name, schema)| (name.to_string(), shape(schema))).collect()
}
