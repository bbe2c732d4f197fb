//! What streams are to be asked for, and marks.

use std::collections::{BTreeMap, HashMap};

use clarion_core::{Lead, RecordKey, StreamName, Timestamp, from_millis};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::sql::{Binds, Fields, Insert};

/// Stands for never.
const NEVER: i64 = i64::MIN;

pub(crate) async fn due(
    database: &Database,
    stream: &StreamName,
    before: Timestamp,
    after: Option<&Lead>,
    limit: u32,
) -> sqlx::Result<Vec<Lead>> {
    // No key is empty, so that the empty text stands before all.
    let (asked, key) = after.map_or((NEVER, ""), |last| (asked_at(last), last.key.as_str()));
    let mut binds = Binds::default();
    binds.text(stream.as_str()).int(asked).text(key).time(before).int(i64::from(limit));
    let statement = binds.query(
        "SELECT stream, key, asked_at, missing, attempts, rests_until FROM leads WHERE stream = $1 AND (asked_at, key) > ($2, $3) \
         AND asked_at < $4 ORDER BY asked_at, key LIMIT $5",
    );
    database.rows(statement).await?.iter().map(lead).collect()
}

pub(crate) async fn count(
    database: &Database,
    stream: &StreamName,
    before: Timestamp,
) -> sqlx::Result<(u64, u64)> {
    let mut binds = Binds::default();
    binds.text(stream.as_str()).time(before);
    let count = "SELECT COUNT(*), COUNT(CASE WHEN asked_at < $2 THEN 1 END) FROM leads WHERE stream = $1";
    let row = database.row(binds.query(count)).await?;
    Ok((Fields(&row).count(0)?, Fields(&row).count(1)?))
}

pub(crate) async fn write(connection: &mut AnyConnection, leads: Vec<Lead>) -> sqlx::Result<()> {
    const INSERT: Insert = Insert {
        into: "leads (stream, key, asked_at, missing, attempts, rests_until)",
        columns: 6,
        on_conflict: "ON CONFLICT (stream, key) DO UPDATE SET asked_at = excluded.asked_at, \
             missing = excluded.missing, attempts = excluded.attempts, rests_until = excluded.rests_until \
             WHERE excluded.asked_at > leads.asked_at OR excluded.asked_at = leads.asked_at \
             AND excluded.attempts > COALESCE(leads.attempts, 0)",
    };
    // A statement may not touch a row twice.
    let mut latest: HashMap<(StreamName, RecordKey), Lead> = HashMap::with_capacity(leads.len());
    for lead in leads {
        let id = (lead.stream.clone(), lead.key.clone());
        let is_newer = |other: &Lead| (lead.asked_at, lead.attempts) >= (other.asked_at, other.attempts);
        if latest.get(&id).is_none_or(is_newer) {
            latest.insert(id, lead);
        }
    }
    let rows: Vec<Lead> = latest.into_values().collect();
    INSERT
        .run(connection, &rows, |binds, row| {
            binds.text(row.stream.as_str()).text(row.key.as_str());
            binds.int(asked_at(row)).int(i64::from(row.missing));
            binds.int(i64::from(row.attempts)).opt_time(row.rests_until);
        })
        .await
}

pub(crate) async fn marks(database: &Database) -> sqlx::Result<BTreeMap<String, String>> {
    let rows =
        database.rows(Binds::default().query("SELECT name, value FROM marks WHERE value <> ''")).await?;
    rows.iter().map(|row| Ok((Fields(row).text(0)?, Fields(row).text(1)?))).collect()
}

pub(crate) async fn write_marks(
    connection: &mut AnyConnection,
    marks: &BTreeMap<String, String>,
) -> sqlx::Result<()> {
    const INSERT: Insert = Insert {
        into: "marks (name, value)",
        columns: 2,
        on_conflict: "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    };
    let rows: Vec<(&String, &String)> = marks.iter().collect();
    let bind = |binds: &mut Binds, row: &(&String, &String)| {
        binds.text(row.0).text(row.1);
    };
    INSERT.run(connection, &rows, bind).await
}

fn asked_at(lead: &Lead) -> i64 {
    lead.asked_at.map_or(NEVER, |at| at.timestamp_millis())
}

fn lead(row: &AnyRow) -> sqlx::Result<Lead> {
    let fields = Fields(row);
    let asked_at = fields.int(2)?;
    Ok(Lead {
        stream: fields.parsed(0, StreamName::parse)?,
        key: fields.parsed(1, RecordKey::parse)?,
        asked_at: (asked_at != NEVER).then(|| from_millis(asked_at)),
        missing: fields.int(3)? != 0,
        attempts: fields.opt_int(4)?.and_then(|times| u32::try_from(times).ok()).unwrap_or_default(),
        rests_until: fields.opt_time(5)?,
    })
}
