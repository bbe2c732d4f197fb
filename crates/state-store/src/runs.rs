//! The runs, for `status`.

use chrono::TimeDelta;
use clarion_core::{RunId, RunRecord};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::sql::{Binds, Fields};

/// Runs that are kept: of syncs and of all others, so that a flood of notifications drives out no sync.
const KEPT_RUNS: i64 = 500;
/// How long it is kept that a record could not be fetched, if it does not come again.
const KEPT_REJECTIONS: TimeDelta = TimeDelta::days(30);

pub(crate) async fn save(database: &Database, run: &RunRecord) -> sqlx::Result<()> {
    let mut binds = Binds::default();
    binds.text(run.id.as_str()).text(&run.kind).text(&run.outcome);
    binds.time(run.started_at).opt_time(run.ended_at).text(&run.report);
    let upsert = binds.query(
        "INSERT INTO runs (id, kind, outcome, started_at, ended_at, report) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, outcome = excluded.outcome, \
         started_at = excluded.started_at, ended_at = excluded.ended_at, report = excluded.report",
    );
    let mut transaction = database.begin().await?;
    upsert.execute(&mut *transaction).await?;
    forget_old(&mut transaction, run).await?;
    transaction.commit().await
}

/// What nobody looks at any more, so that a store in use for years stays small.
async fn forget_old(connection: &mut AnyConnection, run: &RunRecord) -> sqlx::Result<()> {
    for surplus in [
        "DELETE FROM runs WHERE kind IN ('sync', 'sync --full') AND (started_at, id) <= (SELECT started_at, id \
         FROM runs WHERE kind IN ('sync', 'sync --full') ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET $1)",
        "DELETE FROM runs WHERE kind NOT IN ('sync', 'sync --full') AND (started_at, id) <= (SELECT started_at, id \
         FROM runs WHERE kind NOT IN ('sync', 'sync --full') ORDER BY started_at DESC, id DESC LIMIT 1 OFFSET $1)",
    ] {
        let mut binds = Binds::default();
        binds.int(KEPT_RUNS);
        binds.query(surplus).execute(&mut *connection).await?;
    }
    let mut binds = Binds::default();
    binds.time(run.started_at - KEPT_REJECTIONS);
    let forgotten = "DELETE FROM rejected WHERE at < $1 AND (destination IS NULL OR destination = '')";
    binds.query(forgotten).execute(connection).await?;
    Ok(())
}

pub(crate) async fn latest(database: &Database, limit: u32) -> sqlx::Result<Vec<RunRecord>> {
    let mut binds = Binds::default();
    binds.int(i64::from(limit));
    let statement = binds.query(
        "SELECT id, kind, outcome, started_at, ended_at, report FROM runs ORDER BY started_at DESC, id DESC LIMIT $1",
    );
    database.rows(statement).await?.iter().map(run).collect()
}

pub(crate) async fn syncs(database: &Database, limit: u32) -> sqlx::Result<Vec<RunRecord>> {
    let mut binds = Binds::default();
    binds.int(i64::from(limit));
    let statement = binds.query(
        "SELECT id, kind, outcome, started_at, ended_at, report FROM runs WHERE kind IN ('sync', 'sync --full') \
         ORDER BY started_at DESC, id DESC LIMIT $1",
    );
    database.rows(statement).await?.iter().map(run).collect()
}

fn run(row: &AnyRow) -> sqlx::Result<RunRecord> {
    let fields = Fields(row);
    Ok(RunRecord {
        id: RunId::new(fields.text(0)?),
        kind: fields.text(1)?,
        outcome: fields.text(2)?,
        started_at: fields.time(3)?,
        ended_at: fields.opt_time(4)?,
        report: fields.text(5)?,
    })
}
