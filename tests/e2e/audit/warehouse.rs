//! A table of the Postgres destination, read in a session of its own.

use serde_json::Value;

use super::tables::{Kind, NULL, Rows, Table};
use crate::harness::Database;

/// The rows of a table that are not marked as deleted; none if it is not there.
pub(crate) async fn rows(table: &Table, database: &Database) -> Rows {
    let there = database.text(&format!("SELECT to_regclass('clari.{}')::text", table.name)).await;
    if there.is_empty() {
        return Rows::new();
    }
    let cell = |(at, (name, kind)): (usize, &(&str, Kind))| match kind {
        Kind::Plain => format!("\"{name}\"::text AS c{at}"),
        Kind::Time => format!("(extract(epoch FROM \"{name}\") * 1000000)::bigint::text AS c{at}"),
    };
    let columns: Vec<String> = table.columns.iter().enumerate().map(cell).collect();
    let rows = database
        .rows(&format!("SELECT {} FROM clari.{} WHERE _deleted_at IS NULL", columns.join(", "), table.name))
        .await;
    rows.iter().map(|row| cells(row, table.columns.len())).collect()
}

fn cells(row: &Value, width: usize) -> Vec<String> {
    (0..width).map(|at| row[format!("c{at}")].as_str().unwrap_or(NULL).to_owned()).collect()
}
