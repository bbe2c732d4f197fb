//! Brings the schema up to date: numbered SQL, each applied once, by one process.

use clarion_core::{Error, Kind, Result, Timestamp};
use sqlx::{AnyConnection, Connection, Executor};

use crate::backend::Backend;
use crate::sql::{Binds, Fields};

/// A file of `migrations/`. Its number is its place in the list.
struct Migration {
    name: &'static str,
    text: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration { name: "state", text: include_str!("../../../migrations/0001_state.sql") },
    Migration { name: "reasons", text: include_str!("../../../migrations/0002_reasons.sql") },
    Migration { name: "absent", text: include_str!("../../../migrations/0003_absent.sql") },
    Migration { name: "backfills", text: include_str!("../../../migrations/0004_backfills.sql") },
    Migration { name: "notices", text: include_str!("../../../migrations/0005_notices.sql") },
    Migration { name: "facts", text: include_str!("../../../migrations/0006_facts.sql") },
    Migration { name: "leads", text: include_str!("../../../migrations/0007_leads.sql") },
    Migration { name: "rejected", text: include_str!("../../../migrations/0008_rejected.sql") },
    Migration { name: "lead failures", text: include_str!("../../../migrations/0009_lead_failures.sql") },
];

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version \
     (version BIGINT NOT NULL PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)";

/// Postgres: held until the transaction ends, so that two processes never create the schema at once.
const POSTGRES_LOCK: &str = "SELECT pg_advisory_xact_lock(7163384699739271681)";

/// Applies what is missing. A store that is up to date is only read.
///
/// Fails with `Config` if the store was written by a newer version; then nothing was changed.
pub(crate) async fn migrate(
    connection: &mut AnyConnection,
    backend: &Backend,
    now: Timestamp,
) -> sqlx::Result<Result<()>> {
    let known = i64::try_from(MIGRATIONS.len()).expect("a handful of migrations");
    match version(connection, backend).await? {
        version if version > known => return Ok(Err(too_new(version, known))),
        version if version == known => return Ok(Ok(())),
        _ => {}
    }
    if !backend.is_postgres() {
        // Readers and the writer then never block each other. Stored in the file, and set before there is anything
        // in it, since the switch needs the file for itself.
        connection.execute("PRAGMA journal_mode = WAL").await?;
    }
    let mut transaction = connection.begin_with(backend.begin()).await?;
    if backend.is_postgres() {
        transaction.execute(POSTGRES_LOCK).await?;
        prepare_schema(&mut transaction).await?;
    }
    // Again, now that nobody else can be at it.
    let from = version(&mut transaction, backend).await?;
    if from > known {
        return Ok(Err(too_new(from, known)));
    }
    transaction.execute(VERSIONS).await?;
    for (number, migration) in (1_i64..).zip(MIGRATIONS).filter(|(number, _)| *number > from) {
        sqlx::raw_sql(migration.text).execute(&mut *transaction).await?;
        let mut binds = Binds::default();
        binds.int(number).text(migration.name).time(now);
        let insert = "INSERT INTO schema_version (version, name, applied_at) VALUES ($1, $2, $3)";
        binds.query(insert).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(Ok(()))
}

/// The newest migration that was applied; 0 for an empty database.
async fn version(connection: &mut AnyConnection, backend: &Backend) -> sqlx::Result<i64> {
    let exists = if backend.is_postgres() {
        "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = 'clarion_state' AND tablename = 'schema_version'"
    } else {
        "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
    };
    let row = sqlx::query(exists).fetch_one(&mut *connection).await?;
    if Fields(&row).int(0)? == 0 {
        return Ok(0);
    }
    let row =
        sqlx::query("SELECT COALESCE(MAX(version), 0) FROM schema_version").fetch_one(connection).await?;
    Fields(&row).int(0)
}

/// The schema and the collation that SQLite has by itself. Looked up first: creating needs rights that a user of an
/// existing schema may lack.
async fn prepare_schema(connection: &mut AnyConnection) -> sqlx::Result<()> {
    let found = sqlx::query("SELECT COUNT(*) FROM pg_catalog.pg_namespace WHERE nspname = 'clarion_state'")
        .fetch_one(&mut *connection)
        .await?;
    if Fields(&found).int(0)? == 0 {
        connection.execute("CREATE SCHEMA clarion_state").await?;
    }
    connection.execute(r#"CREATE COLLATION IF NOT EXISTS clarion_state."binary" (locale = 'C')"#).await?;
    Ok(())
}

fn too_new(found: i64, known: i64) -> Error {
    Error::new(Kind::Config, "the state store was written by a newer version of clarion")
        .with("schema", found)
        .with("known", known)
        .hint("use that version or a newer one; nothing was changed")
}
