//! What changed in the tables: `_clarion_schema_changes`.

use clarion_core::{
    Error, Kind, LoadSpec, Position, Result, SchemaChange, SchemaChanged, StreamName, TableName, TableSchema,
    Timestamp,
};
use sqlx::Row;
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::{Postgres, query::Query};

use super::errors::{During, Server};
use super::session::Session;
use super::sql::{Sql, Statements};

const DOING: &str = "noting what changed in a table";

pub(super) async fn write(
    session: &mut Session,
    statements: &Statements,
    spec: &LoadSpec,
    place: Position,
    change: &SchemaChange,
) -> Result<()> {
    let query = bound(statements.write_schema_change(), spec, place, change);
    session.execute(query, DOING).await.map(drop)
}

/// What is stored before the load that needs it, or without it.
pub(super) async fn write_early(
    session: &mut Session,
    statements: &Statements,
    spec: &LoadSpec,
    change: &SchemaChange,
) -> Result<()> {
    // Any position of this load tells it from what an earlier one of the same run has noted.
    let place = Position::unpack(spec.from.pack() + 1);
    write(session, statements, spec, place, change).await
}

/// Remembers a table as it now is.
pub(super) async fn remember(
    session: &mut Session,
    statements: &Statements,
    schema: &TableSchema,
) -> Result<()> {
    let text = serde_json::to_string(schema)
        .map_err(|error| Error::new(Kind::Corrupt, "a schema cannot be written").source(error))?;
    let query = statements.write_schema().query().bind(schema.table.as_str()).bind(text);
    session.execute(query, DOING).await.map(drop)
}

/// A column that a contract keeps out, only if the table's history does not have it; says whether it was written.
pub(super) async fn write_left_out(
    session: &mut Session,
    statements: &Statements,
    spec: &LoadSpec,
    place: Position,
    change: &SchemaChange,
) -> Result<bool> {
    let query = bound(statements.write_left_out(), spec, place, change);
    Ok(session.execute(query, DOING).await? > 0)
}

pub(super) async fn read(session: &mut Session, statements: &Statements) -> Result<Vec<SchemaChanged>> {
    const DOING: &str = "reading what changed in the tables";
    let rows = session.rows(statements.read_schema_changes().query(), DOING).await?;
    rows.iter().map(|row| changed(row, &session.server)).collect()
}

fn bound<'q>(
    statement: Sql,
    spec: &'q LoadSpec,
    place: Position,
    change: &'q SchemaChange,
) -> Query<'q, Postgres, PgArguments> {
    let query = statement.query().bind(spec.run_id.as_str()).bind(place.pack());
    let query = query.bind(change.table.as_str()).bind(change.change.as_str()).bind(spec.loaded_at);
    let query = query.bind(change.stream.as_str()).bind(change.column.as_deref());
    let query = query.bind(change.from.as_deref()).bind(change.to.as_deref());
    query.bind(change.record.map(Position::pack))
}

fn changed(row: &PgRow, server: &Server) -> Result<SchemaChanged> {
    const DOING: &str = "reading what changed in the tables";
    let text = |index: usize| row.try_get::<Option<String>, _>(index).during(server, DOING);
    let table: String = row.try_get(2).during(server, DOING)?;
    let at: Timestamp = row.try_get(0).during(server, DOING)?;
    let record: Option<i64> = row.try_get(8).during(server, DOING)?;
    let change = SchemaChange {
        stream: StreamName::parse(text(4)?.unwrap_or_else(|| table.clone()))?,
        table: TableName::parse(table)?,
        column: text(5)?,
        from: text(6)?,
        to: text(7)?,
        change: row.try_get(3).during(server, DOING)?,
        record: record.map(Position::unpack),
    };
    Ok(SchemaChanged { at, run: row.try_get(1).during(server, DOING)?, change })
}
