//! Removing records for good: one transaction, then the space of what was deleted.

use clarion_core::{ChangedKeys, Error, Kind, PurgeSpec, Result, TableName, fault};

use super::begin::{check_fence, lock};
use super::catalog::{self, Remembered, Stored};
use super::fence;
use super::session::Session;
use super::sql::Statements;

const DOING: &str = "purging records";

pub(super) async fn purge(mut session: Session, schema: &str, spec: PurgeSpec) -> Result<u64> {
    if catalog::probe(&mut session, schema).await?.is_fresh() {
        session.close().await;
        return Ok(0);
    }
    fence::announce(&mut session, schema, spec.fence).await?;
    session.begin().await?;
    lock(&mut session, schema).await?;
    let probe = catalog::probe(&mut session, schema).await?;
    probe.check(&session.server)?;
    let statements = Statements::new(schema.to_owned(), probe.lz4);
    if !probe.journal {
        session.alter(statements.add_journal(), DOING).await?;
    }
    let stored = catalog::read(&mut session, &statements, true).await?;
    check_fence(&stored, spec.fence, &session.server.destination)?;
    if let Some(damage) = catalog::damages(&mut session, schema, &stored).await?.first() {
        return Err(damage.error(&session));
    }
    let removed = remove(&mut session, &statements, &stored, &spec.keys).await?;
    raise_fence(&mut session, &statements, &stored, &spec).await?;
    fence::check(&mut session, &statements, spec.fence).await?;
    fault::point("postgres.purging");
    session.plain("COMMIT", DOING).await?;
    fault::point("postgres.purged");
    // Also where nothing was deleted now: a purge before this one may have been killed right here.
    for (table, _) in touched(&stored, &spec.keys) {
        session.run(statements.vacuum(table), "vacuuming a table").await?;
    }
    session.close().await;
    Ok(removed)
}

async fn remove(
    session: &mut Session,
    statements: &Statements,
    stored: &Stored,
    keys: &ChangedKeys,
) -> Result<u64> {
    let mut removed = 0;
    for (name, table) in touched(stored, keys) {
        if table.schema.parent.is_some() && fault::defect("destination.purge_spares_children") {
            continue;
        }
        let keys: Vec<&str> = keys[&table.schema.stream].iter().map(|key| key.as_str()).collect();
        let delete = statements.delete_children(&table.schema);
        let rows = session.execute(delete.query().bind(keys), DOING).await?;
        if rows == 0 {
            continue;
        }
        removed += rows;
        let schema = serde_json::to_string(&*table.schema).map_err(|error| {
            Error::new(Kind::Corrupt, "a schema cannot be written").with("table", name).source(error)
        })?;
        let left = table.rows.saturating_sub(rows).cast_signed();
        let query = statements.write_table().query().bind(name.as_str()).bind(schema).bind(left);
        session.execute(query, DOING).await?;
    }
    Ok(removed)
}

/// The position stays what it was.
async fn raise_fence(
    session: &mut Session,
    statements: &Statements,
    stored: &Stored,
    spec: &PurgeSpec,
) -> Result<()> {
    let journal = stored.journal.as_ref().unwrap_or(&spec.journal);
    let query = statements.write_position().query();
    let query = query.bind(stored.position.pack()).bind(journal.as_str());
    session.execute(query.bind(spec.fence.cast_signed()).bind(spec.at), DOING).await?;
    Ok(())
}

/// The tables that may hold rows of these records.
fn touched<'s>(
    stored: &'s Stored,
    keys: &'s ChangedKeys,
) -> impl Iterator<Item = (&'s TableName, &'s Remembered)> {
    stored.tables.iter().filter(|(_, table)| keys.contains_key(&table.schema.stream))
}
