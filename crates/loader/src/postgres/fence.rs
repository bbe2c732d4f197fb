//! The highest fence that was announced here, in a table of its own.
//!
//! A load holds its locks from begin to end, however long its process is frozen. A later writer announces itself before
//! it waits for them; a load that was announced with a lower fence can then not commit any more.

use clarion_core::{Error, Fence, Kind, Result, fault};
use sqlx::Row;

use super::catalog;
use super::errors::During;
use super::session::Session;
use super::sql::Statements;

const DOING: &str = "announcing a load";

/// Tells everybody that a writer with this fence is here, or refuses it.
pub(super) async fn announce(session: &mut Session, schema: &str, fence: Fence) -> Result<()> {
    session.begin().await?;
    // Two that begin at once must not both create the table.
    let lock = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 1))::text");
    session.execute(lock.bind(format!("clarion:{schema}")), DOING).await?;
    let probe = catalog::probe(session, schema).await?;
    let statements = Statements::new(schema.to_owned(), probe.lz4);
    if !probe.schema {
        session.run(statements.create_schema(), "creating the schema").await?;
    }
    if !probe.fence {
        session.run(statements.create_fence(), "creating the metadata tables").await?;
    }
    let rows = session.rows(statements.announce_fence().query().bind(fence.cast_signed()), DOING).await?;
    let highest: i64 = match rows.first() {
        Some(row) => row.try_get(0).during(&session.server, DOING)?,
        None => 0,
    };
    session.plain("COMMIT", DOING).await?;
    refuse_lower(session, fence, highest.cast_unsigned())
}

/// Refuses to go on if a later writer is here. The last thing before a commit: none can come until that is done.
pub(super) async fn check(session: &mut Session, statements: &Statements, fence: Fence) -> Result<()> {
    let rows = session.rows(statements.read_fence().query(), "looking for a later writer").await?;
    let highest: i64 = match rows.first() {
        Some(row) => row.try_get(0).during(&session.server, DOING)?,
        None => 0,
    };
    refuse_lower(session, fence, highest.cast_unsigned())
}

fn refuse_lower(session: &Session, fence: Fence, highest: Fence) -> Result<()> {
    if fence >= highest || fault::defect("postgres.no_fence") {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, "a later writer has taken over this destination")
        .with("destination", &session.server.destination)
        .with("fence", fence)
        .with("highest", highest)
        .hint("this process lost the lease; start it again when the other one has ended"))
}
