//! The queue of details requests.

use std::collections::{BTreeMap, HashMap};

use clarion_core::{QueueEntry, Reason, RecordKey, StreamName, Timestamp, from_millis};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::sql::{Binds, ByKeys, Fields, Insert, Marks, decode_error};

/// The order of a call without a time: behind all others.
const NO_TIME: i64 = i64::MAX;

pub(crate) async fn due(
    database: &Database,
    now: Timestamp,
    after: Option<&QueueEntry>,
    limit: u32,
) -> sqlx::Result<Vec<QueueEntry>> {
    let mut binds = Binds::default();
    binds.time(now).int(i64::from(limit));
    let statement = match after {
        None => binds.query(
            "SELECT stream, key, priority, newest_first, due_at, attempts FROM queue WHERE due_at <= $1 \
             ORDER BY priority, newest_first, key, stream LIMIT $2",
        ),
        Some(last) => {
            binds.int(last.reason.priority()).int(newest_first(last.time));
            binds.text(last.key.as_str()).text(last.stream.as_str());
            binds.query(
                "SELECT stream, key, priority, newest_first, due_at, attempts FROM queue WHERE due_at <= $1 \
                 AND (priority, newest_first, key, stream) > ($3, $4, $5, $6) \
                 ORDER BY priority, newest_first, key, stream LIMIT $2",
            )
        }
    };
    database.rows(statement).await?.iter().map(entry).collect()
}

pub(crate) async fn depth(database: &Database, now: Timestamp) -> sqlx::Result<BTreeMap<Reason, (u64, u64)>> {
    let mut binds = Binds::default();
    binds.time(now);
    let statement = binds.query(
        "SELECT priority, COUNT(*), COUNT(CASE WHEN due_at <= $1 THEN 1 END) FROM queue GROUP BY priority",
    );
    let rows = database.rows(statement).await?;
    rows.iter().map(|row| Ok((reason(row, 0)?, (Fields(row).count(1)?, Fields(row).count(2)?)))).collect()
}

pub(crate) async fn remove(
    connection: &mut AnyConnection,
    done: Vec<(StreamName, RecordKey)>,
) -> sqlx::Result<()> {
    const DELETE: ByKeys = ByKeys("DELETE FROM queue WHERE stream = {stream} AND key IN ({keys})");
    let mut by_stream: BTreeMap<&StreamName, Vec<&str>> = BTreeMap::new();
    for (stream, key) in &done {
        by_stream.entry(stream).or_default().push(key.as_str());
    }
    let marks = Marks::of(connection);
    for (stream, mut keys) in by_stream {
        keys.sort_unstable();
        for statement in DELETE.statements(marks, stream.as_str(), &keys) {
            statement.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

pub(crate) async fn add(connection: &mut AnyConnection, queued: Vec<QueueEntry>) -> sqlx::Result<()> {
    const INSERT: Insert = Insert {
        into: "queue (stream, key, priority, newest_first, due_at, attempts)",
        columns: 6,
        on_conflict: "ON CONFLICT (stream, key) DO UPDATE SET \
             priority = CASE WHEN excluded.priority < queue.priority THEN excluded.priority ELSE queue.priority END, \
             newest_first = excluded.newest_first, \
             due_at = CASE WHEN excluded.due_at < queue.due_at THEN excluded.due_at ELSE queue.due_at END, \
             attempts = excluded.attempts",
    };
    let rows = merged(queued);
    INSERT
        .run(connection, &rows, |binds, row| {
            binds.text(row.stream.as_str()).text(row.key.as_str()).int(row.reason.priority());
            binds.int(newest_first(row.time)).time(row.due_at).int(i64::from(row.attempts));
        })
        .await
}

/// One entry a key, by the rule that holds against stored ones too. Sorted, so that the index is walked.
fn merged(queued: Vec<QueueEntry>) -> Vec<QueueEntry> {
    let mut entries: HashMap<(StreamName, RecordKey), QueueEntry> = HashMap::with_capacity(queued.len());
    for mut entry in queued {
        let key = (entry.stream.clone(), entry.key.clone());
        if let Some(earlier) = entries.get(&key) {
            entry.reason = entry.reason.min(earlier.reason);
            entry.due_at = entry.due_at.min(earlier.due_at);
        }
        entries.insert(key, entry);
    }
    let mut rows: Vec<QueueEntry> = entries.into_values().collect();
    rows.sort_unstable_by(|a, b| (&a.stream, &a.key).cmp(&(&b.stream, &b.key)));
    rows
}

fn newest_first(time: Option<Timestamp>) -> i64 {
    time.map_or(NO_TIME, |time| -time.timestamp_millis())
}

fn entry(row: &AnyRow) -> sqlx::Result<QueueEntry> {
    let fields = Fields(row);
    let newest_first = fields.int(3)?;
    Ok(QueueEntry {
        stream: fields.parsed(0, StreamName::parse)?,
        key: fields.parsed(1, RecordKey::parse)?,
        reason: reason(row, 2)?,
        time: (newest_first != NO_TIME).then(|| from_millis(-newest_first)),
        due_at: fields.time(4)?,
        attempts: fields.small(5)?,
    })
}

fn reason(row: &AnyRow, index: usize) -> sqlx::Result<Reason> {
    let priority = Fields(row).int(index)?;
    let found = Reason::ALL.into_iter().find(|reason| reason.priority() == priority);
    found.ok_or_else(|| decode_error(index, format!("no reason has the number {priority}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_of_the_reasons_are_part_of_the_schema() {
        let numbers: Vec<(&str, i64)> =
            Reason::ALL.iter().map(|reason| (reason.as_str(), reason.priority())).collect();
        assert_eq!(
            numbers,
            [
                ("on_demand", 0),
                ("ready", 10),
                ("changed", 20),
                ("missing", 25),
                ("backfill", 30),
                ("reread", 40),
                ("generation", 50)
            ]
        );
    }
}
