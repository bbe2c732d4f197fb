//! Dead letters: what could not be fetched, or not loaded as it is.

use std::collections::{BTreeMap, HashMap};

use clarion_core::{RecordKey, Rejected, StreamName, content_hash};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::sql::{Binds, Fields, Insert};

/// Stands for no destination. A row of before destinations were kept has null, and is by none that is asked for.
const FETCHED: &str = "";

/// The latest first.
pub(crate) async fn latest(database: &Database, limit: u32) -> sqlx::Result<Vec<Rejected>> {
    let mut binds = Binds::default();
    binds.int(i64::from(limit));
    let select = "SELECT stream, key, reason, destination, first_at, at, attempts FROM rejected \
         ORDER BY at DESC, stream, key, reason_hash LIMIT $1";
    database.rows(binds.query(select)).await?.iter().map(letter).collect()
}

pub(crate) async fn by(database: &Database, destination: Option<&str>) -> sqlx::Result<Vec<Rejected>> {
    let mut binds = Binds::default();
    binds.text(destination.unwrap_or(FETCHED));
    let select = "SELECT stream, key, reason, destination, first_at, at, attempts FROM rejected \
         WHERE destination = $1 ORDER BY stream, key, reason_hash";
    database.rows(binds.query(select)).await?.iter().map(letter).collect()
}

pub(crate) async fn count(database: &Database) -> sqlx::Result<BTreeMap<StreamName, u64>> {
    let select = "SELECT stream, COUNT(DISTINCT key) FROM rejected GROUP BY stream";
    let rows = database.rows(Binds::default().query(select)).await?;
    let count = |row: &AnyRow| Ok((Fields(row).parsed(0, StreamName::parse)?, Fields(row).count(1)?));
    rows.iter().map(count).collect()
}

pub(crate) async fn add(connection: &mut AnyConnection, rejected: Vec<Rejected>) -> sqlx::Result<()> {
    const INSERT: Insert = Insert {
        into: "rejected (stream, key, reason_hash, reason, destination, first_at, at, attempts)",
        columns: 8,
        on_conflict: "ON CONFLICT (stream, key, reason_hash) DO UPDATE SET at = excluded.at, \
             attempts = COALESCE(rejected.attempts, 1) + 1 WHERE excluded.at > rejected.at",
    };
    let mut latest: HashMap<(StreamName, RecordKey, i64), Rejected> = HashMap::new();
    for letter in rejected {
        let key = (letter.stream.clone(), letter.key.clone(), hash(&letter));
        if latest.get(&key).is_none_or(|other| letter.at >= other.at) {
            latest.insert(key, letter);
        }
    }
    let rows: Vec<Rejected> = latest.into_values().collect();
    INSERT
        .run(connection, &rows, |binds, row| {
            binds.text(row.stream.as_str()).text(row.key.as_str()).int(hash(row)).text(&row.reason);
            binds.text(row.destination.as_deref().unwrap_or(FETCHED)).time(row.since).time(row.at);
            binds.int(i64::try_from(row.attempts).unwrap_or(i64::MAX));
        })
        .await
}

/// Rejections that are over; only those of this reason and destination.
pub(crate) async fn remove(connection: &mut AnyConnection, accepted: Vec<Rejected>) -> sqlx::Result<()> {
    for letter in accepted {
        let mut binds = Binds::default();
        binds.text(letter.stream.as_str()).text(letter.key.as_str()).int(hash(&letter));
        let delete = "DELETE FROM rejected WHERE stream = $1 AND key = $2 AND reason_hash = $3";
        binds.query(delete).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Of what tells letters of one record apart. Without a destination it is the hash of the reason alone, as ever.
fn hash(letter: &Rejected) -> i64 {
    let mut text = letter.reason.clone();
    if let Some(destination) = &letter.destination {
        text.push('\0');
        text.push_str(destination);
    }
    content_hash(text.as_bytes()).cast_signed()
}

fn letter(row: &AnyRow) -> sqlx::Result<Rejected> {
    let fields = Fields(row);
    let at = fields.time(5)?;
    Ok(Rejected {
        stream: fields.parsed(0, StreamName::parse)?,
        key: fields.parsed(1, RecordKey::parse)?,
        reason: fields.text(2)?,
        destination: fields.opt_text(3)?.filter(|name| name != FETCHED),
        since: fields.opt_time(4)?.unwrap_or(at),
        at,
        attempts: fields.opt_int(6)?.map_or(1, i64::cast_unsigned),
    })
}
