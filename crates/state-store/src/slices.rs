//! Proved slices. One that lies inside a slice proved later says nothing any more and is not kept.

use clarion_core::{Slice, StreamName, Timestamp, from_millis};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::sql::{Binds, Fields};

/// An open end.
const OPEN: i64 = i64::MAX;

pub(crate) async fn of_stream(database: &Database, stream: &StreamName) -> sqlx::Result<Vec<Slice>> {
    let mut binds = Binds::default();
    binds.text(stream.as_str());
    let statement = binds.query(
        "SELECT stream, from_at, to_at, proved_at, row_count FROM slices WHERE stream = $1 ORDER BY from_at, to_at",
    );
    database.rows(statement).await?.iter().map(slice).collect()
}

pub(crate) async fn write(connection: &mut AnyConnection, slices: &[Slice]) -> sqlx::Result<()> {
    for slice in slices {
        if !is_covered(connection, slice).await? {
            absorb(connection, slice).await?;
            insert(connection, slice).await?;
        }
    }
    Ok(())
}

async fn is_covered(connection: &mut AnyConnection, slice: &Slice) -> sqlx::Result<bool> {
    let count =
        "SELECT COUNT(*) FROM slices WHERE stream = $1 AND from_at <= $2 AND to_at >= $3 AND proved_at >= $4";
    let row = span(slice).query(count).fetch_one(connection).await?;
    Ok(Fields(&row).int(0)? > 0)
}

async fn absorb(connection: &mut AnyConnection, slice: &Slice) -> sqlx::Result<()> {
    let delete = "DELETE FROM slices WHERE stream = $1 AND from_at >= $2 AND to_at <= $3 AND proved_at <= $4";
    span(slice).query(delete).execute(connection).await?;
    Ok(())
}

async fn insert(connection: &mut AnyConnection, slice: &Slice) -> sqlx::Result<()> {
    let rows = i64::try_from(slice.rows).unwrap_or(i64::MAX);
    let insert =
        "INSERT INTO slices (stream, from_at, to_at, proved_at, row_count) VALUES ($1, $2, $3, $4, $5)";
    span(slice).int(rows).query(insert).execute(connection).await?;
    Ok(())
}

fn span(slice: &Slice) -> Binds {
    let mut binds = Binds::default();
    let to = slice.to.map_or(OPEN, |to: Timestamp| to.timestamp_millis());
    binds.text(slice.stream.as_str()).time(slice.from).int(to).time(slice.proved_at);
    binds
}

fn slice(row: &AnyRow) -> sqlx::Result<Slice> {
    let fields = Fields(row);
    let to = fields.int(2)?;
    Ok(Slice {
        stream: fields.parsed(0, StreamName::parse)?,
        from: fields.time(1)?,
        to: (to != OPEN).then(|| from_millis(to)),
        proved_at: fields.time(3)?,
        rows: fields.count(4)?,
    })
}
