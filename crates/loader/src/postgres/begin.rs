//! The start of a load: one at a time, at the right position, on tables that are as they were left.

use clarion_core::{Error, Fence, Kind, LoadSpec, Result, check_journal, fault};

use super::catalog::{self, Damage, Probe, Stored};
use super::commit::POSITION_FIRST;
use super::fence;
use super::load::PostgresLoad;
use super::session::Session;
use super::settings::PostgresSettings;
use super::sql::Statements;

pub(super) async fn load(
    mut session: Session,
    settings: &PostgresSettings,
    spec: LoadSpec,
) -> Result<PostgresLoad> {
    let (statements, stored) = prepare(&mut session, &settings.schema, &spec).await?;
    Ok(PostgresLoad::new(session, statements, spec, settings.deletes, stored))
}

/// Everything before the first change set, in a transaction that has just begun.
pub(super) async fn prepare(
    session: &mut Session,
    schema: &str,
    spec: &LoadSpec,
) -> Result<(Statements, Stored)> {
    lock(session, schema).await?;
    let probe = catalog::probe(session, schema).await?;
    let statements = Statements::new(schema.to_owned(), probe.lz4);
    ready(session, &statements, probe, spec.replace).await?;
    let lock_row = !fault::defect(POSITION_FIRST);
    if !lock_row {
        // The planted defect writes the row from another connection.
        session.plain("COMMIT", "planting a defect").await?;
        session.begin().await?;
    }
    let mut stored = catalog::read(session, &statements, lock_row).await?;
    check(&stored, spec, &session.server.destination)?;
    let damages = catalog::damages(session, schema, &stored).await?;
    if spec.replace {
        repair(session, &statements, &mut stored, damages).await?;
        catalog::find_keyless(session, schema, &mut stored).await?;
        empty(session, &statements, &mut stored).await?;
    } else if let Some(damage) = damages.first() {
        return Err(damage.error(session));
    }
    stored.noted = catalog::noted(session, &statements, spec).await?;
    session.prefer_indexes().await?;
    Ok((statements, stored))
}

/// Makes schema and metadata tables, or brings what an earlier version made up to date.
async fn ready(session: &mut Session, statements: &Statements, probe: Probe, replace: bool) -> Result<()> {
    if !probe.schema {
        session.run(statements.create_schema(), "creating the schema").await?;
    }
    if !replace {
        probe.check(&session.server)?;
    }
    if !probe.is_whole() {
        session.run(statements.create_metadata(), "creating the metadata tables").await?;
    }
    if !probe.is_fresh() && !probe.journal {
        session.alter(statements.add_journal(), "adding a column to a metadata table").await?;
    }
    if !probe.is_fresh() && !probe.record {
        session.alter(statements.add_change_columns(), "adding columns to a metadata table").await?;
    }
    Ok(())
}

/// One load of a schema at a time, also before there is a row to lock.
pub(super) async fn lock(session: &mut Session, schema: &str) -> Result<()> {
    let query = sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))::text");
    session.execute(query.bind(format!("clarion:{schema}")), "waiting for another load to end").await?;
    Ok(())
}

fn check(stored: &Stored, spec: &LoadSpec, destination: &str) -> Result<()> {
    check_fence(stored, spec.fence, destination)?;
    if !spec.replace {
        check_journal(stored.journal.as_ref(), &spec.journal, destination)?;
    }
    if !spec.replace && spec.from != stored.position {
        return Err(Error::new(Kind::Conflict, "the destination is at another position")
            .with("destination", destination)
            .with("expected", spec.from)
            .with("stored", stored.position));
    }
    Ok(())
}

pub(super) fn check_fence(stored: &Stored, fence: Fence, destination: &str) -> Result<()> {
    if fence >= stored.fence {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, "a later writer has loaded this destination")
        .with("destination", destination)
        .with("fence", fence)
        .with("stored", stored.fence))
}

/// Repairs, in a transaction of its own, what a rebuild would repair in its own: before a table is reshaped outside of that
/// it must be whole.
pub(super) async fn repair_first(
    session: &mut Session,
    statements: &Statements,
    spec: &LoadSpec,
) -> Result<()> {
    session.begin().await?;
    lock(session, statements.schema()).await?;
    fence::check(session, statements, spec.fence).await?;
    let mut stored = catalog::read(session, statements, false).await?;
    let damages = catalog::damages(session, statements.schema(), &stored).await?;
    repair(session, statements, &mut stored, damages).await?;
    session.plain("COMMIT", "repairing a table").await
}

/// Gives damaged tables their shape back, for a rebuild that is to fill them anyway.
async fn repair(
    session: &mut Session,
    statements: &Statements,
    stored: &mut Stored,
    damages: Vec<Damage>,
) -> Result<()> {
    const DOING: &str = "repairing a table";
    for damage in damages {
        match damage {
            Damage::Table(table) => {
                // It is made anew when the rebuild has rows for it.
                stored.tables.remove(&table);
                let forget = statements.forget_table().query().bind(table.as_str().to_owned());
                session.execute(forget, DOING).await?;
            }
            Damage::Column(table, column) => {
                session.alter(statements.add_column(&table, &column), DOING).await?;
            }
            Damage::Retyped(table, column, _) => {
                session.alter(statements.drop_column(&table, &column.name), DOING).await?;
                session.alter(statements.add_column(&table, &column), DOING).await?;
            }
        }
    }
    Ok(())
}

/// Readers go on seeing the old rows until the commit.
async fn empty(session: &mut Session, statements: &Statements, stored: &mut Stored) -> Result<()> {
    for (table, remembered) in &mut stored.tables {
        session.run(statements.delete_all(table), "emptying a table").await?;
        remembered.rows = 0;
    }
    Ok(())
}
