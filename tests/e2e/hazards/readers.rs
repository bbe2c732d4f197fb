//! DuckDB and pyarrow on the lake, psql on the warehouse.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::harness::{Database, Workspace, outside_reader, skip};

/// What a reader shows.
pub(super) struct Tables {
    pub(super) calls: Vec<Value>,
    pub(super) turns: Vec<Value>,
    /// Columns of `calls` with their types in the reader's words.
    pub(super) types: BTreeMap<String, String>,
    /// The reader's words for the corpus's types.
    pub(super) kinds: BTreeMap<String, &'static str>,
}

pub(super) fn of_lake(workspace: &Workspace) -> Vec<(String, Tables)> {
    let arguments = [workspace.lake(), "calls".into(), "transcript_turns".into()];
    let arguments: Vec<&Path> = arguments.iter().map(AsRef::as_ref).collect();
    let Some(shown) = outside_reader("hazards.py", &arguments) else { return Vec::new() };
    let tables = |reader: &str| Tables {
        calls: shown[reader]["calls"].as_array().unwrap().clone(),
        turns: shown[reader]["transcript_turns"].as_array().unwrap().clone(),
        types: serde_json::from_value(shown["types"]["calls"].clone()).unwrap(),
        kinds: kinds(["BIGINT", "DOUBLE", "VARCHAR", "BOOLEAN"]),
    };
    ["duckdb", "pyarrow"].map(|reader| (reader.to_owned(), tables(reader))).into()
}

pub(super) async fn of_warehouse(workspace: &Workspace) -> Option<(String, Tables)> {
    let database = workspace.warehouse()?;
    let types = "SELECT json_object_agg(column_name, data_type) FROM information_schema.columns \
                 WHERE table_schema = 'clari' AND table_name = 'calls'";
    let tables = Tables {
        calls: psql(database, "SELECT json_agg(c) FROM clari.calls c")?,
        turns: psql(database, "SELECT json_agg(t) FROM clari.transcript_turns t")?,
        types: psql(database, types)?,
        kinds: kinds(["bigint", "double precision", "text", "boolean"]),
    };
    Some(("psql".to_owned(), tables))
}

fn kinds(words: [&'static str; 4]) -> BTreeMap<String, &'static str> {
    ["integer", "double", "text", "boolean"].map(str::to_owned).into_iter().zip(words).collect()
}

/// What psql prints. `None`, said aloud, where there is none. In base64: it leaves out some characters that it takes
/// for unprintable.
fn psql<T: serde::de::DeserializeOwned>(database: &Database, query: &str) -> Option<T> {
    let query = format!("SELECT encode(convert_to(({query})::text, 'UTF8'), 'base64')");
    let arguments = ["-X", "-A", "-t", "-q", "-c", "SET TimeZone = 'UTC'", "-c", &query];
    let Ok(output) = Command::new("psql").arg(database.url()).args(arguments).output() else {
        skip("psql", "it is not in PATH");
        return None;
    };
    assert!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr));
    let packed: Vec<u8> = output.stdout.into_iter().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let text = base64::engine::general_purpose::STANDARD.decode(packed).expect("the server writes base64");
    Some(serde_json::from_slice(&text).expect("the server writes JSON"))
}

/// A time of any reader in one spelling.
pub(super) fn time(value: &Value) -> Value {
    let time = value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    let Some(time) = time else { return value.clone() };
    json!(time.with_timezone(&Utc).to_rfc3339_opts(SecondsFormat::Micros, true))
}

/// A number of any reader: JSON does not tell 1000 from 1000.0.
pub(super) fn number(value: &Value, kind: &str) -> Value {
    if kind == "double"
        && let Some(number) = value.as_f64()
    {
        return json!(number + 0.0);
    }
    value.clone()
}

/// Without null members: in a struct they are there, in JSONB they are not. What is nested too deep for columns is
/// JSON in a text, and is read.
pub(super) fn pruned(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, field)| !field.is_null());
            Value::Object(kept.map(|(name, field)| (name.clone(), pruned(field))).collect())
        }
        Value::Array(items) => items.iter().map(pruned).collect(),
        Value::String(text) if text.starts_with("[[") => {
            serde_json::from_str(text).unwrap_or_else(|_| value.clone())
        }
        other => other.clone(),
    }
}
