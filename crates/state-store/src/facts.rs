//! What there is one of, by name.

use clarion_core::{JournalId, Purged, RuleMemory};
use sqlx::AnyConnection;

use crate::database::Database;
use crate::sql::{Binds, Fields, decode_error};

const JOURNAL: &str = "journal";
const PURGED: &str = "purged";
const REWRITING: &str = "rewriting";
const RULES: &str = "rules";

/// The journal that the store belongs to.
pub(crate) async fn journal(database: &Database) -> sqlx::Result<Option<JournalId>> {
    let rows = database.rows(Binds::default().text(JOURNAL).query(READ)).await?;
    rows.first().map(|row| Fields(row).parsed(0, JournalId::parse)).transpose()
}

pub(crate) async fn set_journal(connection: &mut AnyConnection, id: &JournalId) -> sqlx::Result<()> {
    set(connection, JOURNAL, id.as_str()).await
}

pub(crate) async fn is_rewriting(database: &Database) -> sqlx::Result<bool> {
    let rows = database.rows(Binds::default().text(REWRITING).query(READ)).await?;
    rows.first().map_or(Ok(false), |row| Ok(Fields(row).text(0)? == "yes"))
}

pub(crate) async fn set_rewriting(connection: &mut AnyConnection, rewriting: bool) -> sqlx::Result<()> {
    set(connection, REWRITING, if rewriting { "yes" } else { "no" }).await
}

/// The calls that were removed for good.
pub(crate) async fn purged(database: &Database) -> sqlx::Result<Option<Purged>> {
    let rows = database.rows(Binds::default().text(PURGED).query(READ)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    serde_json::from_str(&Fields(row).text(0)?).map(Some).map_err(|error| decode_error(0, error))
}

pub(crate) async fn set_purged(connection: &mut AnyConnection, purged: &Purged) -> sqlx::Result<()> {
    let text = serde_json::to_string(purged).expect("hashes are plain JSON");
    set(connection, PURGED, &text).await
}

/// What is remembered of the column rules.
pub(crate) async fn rules(database: &Database) -> sqlx::Result<RuleMemory> {
    let rows = database.rows(Binds::default().text(RULES).query(READ)).await?;
    let Some(row) = rows.first() else { return Ok(RuleMemory::default()) };
    serde_json::from_str(&Fields(row).text(0)?).map_err(|error| decode_error(0, error))
}

pub(crate) async fn set_rules(connection: &mut AnyConnection, rules: &RuleMemory) -> sqlx::Result<()> {
    let text = serde_json::to_string(rules).expect("names and digests are plain JSON");
    set(connection, RULES, &text).await
}

const READ: &str = "SELECT value FROM facts WHERE name = $1";

async fn set(connection: &mut AnyConnection, name: &str, value: &str) -> sqlx::Result<()> {
    let upsert = "INSERT INTO facts (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    Binds::default().text(name).text(value).query(upsert).execute(connection).await?;
    Ok(())
}
