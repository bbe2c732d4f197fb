//! What the store knows, read without a lock.

use std::collections::{BTreeMap, HashMap};

use clarion_core::{Known, Position, RecordKey, SegmentInfo, SegmentNo, Span, StreamName, Timestamp};
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::sql::{Binds, ByKeys, Fields};

pub(crate) async fn known(
    database: &Database,
    stream: &StreamName,
    keys: &[RecordKey],
) -> sqlx::Result<HashMap<RecordKey, Known>> {
    const SELECT: ByKeys = ByKeys(
        "SELECT stream, key, hash, position, private, time_at, modified_at, status, fingerprint, paths, checked_at, \
         generation, gone, absent FROM known WHERE stream = {stream} AND key IN ({keys})",
    );
    let keys: Vec<&str> = keys.iter().map(RecordKey::as_str).collect();
    let mut found = HashMap::with_capacity(keys.len());
    for statement in SELECT.statements(database.backend.marks(), stream.as_str(), &keys) {
        for row in &database.rows(statement).await? {
            let version = version(row)?;
            found.insert(version.key.clone(), version);
        }
    }
    Ok(found)
}

pub(crate) async fn count_known(database: &Database, stream: &StreamName) -> sqlx::Result<u64> {
    let mut binds = Binds::default();
    binds.text(stream.as_str());
    let row = database.row(binds.query("SELECT COUNT(*) FROM known WHERE stream = $1 AND gone = 0")).await?;
    Fields(&row).count(0)
}

pub(crate) async fn scan_known(
    database: &Database,
    stream: &StreamName,
    after: Option<&RecordKey>,
    limit: u32,
) -> sqlx::Result<Vec<Known>> {
    let mut binds = Binds::default();
    // No key is empty, so that the empty text stands before all.
    binds.text(stream.as_str()).text(after.map_or("", RecordKey::as_str)).int(i64::from(limit));
    let statement = binds.query(
        "SELECT stream, key, hash, position, private, time_at, modified_at, status, fingerprint, paths, checked_at, \
         generation, gone, absent FROM known WHERE stream = $1 AND key > $2 ORDER BY key LIMIT $3",
    );
    database.rows(statement).await?.iter().map(version).collect()
}

pub(crate) async fn known_in(
    database: &Database,
    stream: &StreamName,
    span: Span,
    after: Option<&Known>,
    limit: u32,
) -> sqlx::Result<Vec<Known>> {
    let mut binds = Binds::default();
    // No key is empty, so that the empty text stands before all.
    let (time, key) =
        after.map_or((span.from, ""), |last| (last.time.unwrap_or(span.from), last.key.as_str()));
    let to = span.to.map_or(i64::MAX, |to| to.timestamp_millis());
    binds.text(stream.as_str()).time(time).text(key).int(to).int(i64::from(limit));
    let statement = binds.query(
        "SELECT stream, key, hash, position, private, time_at, modified_at, status, fingerprint, paths, checked_at, \
         generation, gone, absent FROM known WHERE stream = $1 AND (time_at, key) > ($2, $3) AND time_at < $4 \
         AND gone = 0 ORDER BY time_at, key LIMIT $5",
    );
    database.rows(statement).await?.iter().map(version).collect()
}

pub(crate) async fn count_gone(
    database: &Database,
    stream: &StreamName,
    since: Timestamp,
) -> sqlx::Result<u64> {
    let mut binds = Binds::default();
    binds.text(stream.as_str()).time(since);
    let count = "SELECT COUNT(*) FROM known WHERE stream = $1 AND gone = 1 AND checked_at >= $2";
    Fields(&database.row(binds.query(count)).await?).count(0)
}

pub(crate) async fn cursors(database: &Database) -> sqlx::Result<BTreeMap<String, Timestamp>> {
    let rows = database.rows(Binds::default().query("SELECT name, at FROM cursors")).await?;
    rows.iter().map(|row| Ok((Fields(row).text(0)?, Fields(row).time(1)?))).collect()
}

pub(crate) async fn paths(database: &Database) -> sqlx::Result<BTreeMap<String, u32>> {
    let rows = database.rows(Binds::default().query("SELECT path, ordinal FROM paths")).await?;
    rows.iter().map(|row| Ok((Fields(row).text(0)?, Fields(row).small(1)?))).collect()
}

pub(crate) async fn generation(database: &Database) -> sqlx::Result<u32> {
    let row = database.row(Binds::default().query("SELECT generation FROM control WHERE id = 1")).await?;
    Fields(&row).small(0)
}

pub(crate) async fn segments(database: &Database, after: SegmentNo) -> sqlx::Result<Vec<SegmentInfo>> {
    let mut binds = Binds::default();
    binds.int(i64::try_from(after).unwrap_or(i64::MAX));
    let statement = binds.query(
        "SELECT number, records, raw_bytes, stored_bytes, checksum FROM segments WHERE number > $1 ORDER BY number",
    );
    database.rows(statement).await?.iter().map(segment).collect()
}

fn version(row: &AnyRow) -> sqlx::Result<Known> {
    let fields = Fields(row);
    Ok(Known {
        stream: fields.parsed(0, StreamName::parse)?,
        key: fields.parsed(1, RecordKey::parse)?,
        hash: fields.count(2)?,
        position: Position::unpack(fields.int(3)?),
        private: fields.opt_int(4)?.map(|flag| flag != 0),
        time: fields.opt_time(5)?,
        modified: fields.opt_time(6)?,
        status: fields.opt_text(7)?,
        fingerprint: fields.count(8)?,
        paths: fields.small(9)?,
        checked_at: fields.time(10)?,
        generation: fields.small(11)?,
        gone: fields.int(12)? != 0,
        absent: fields.small(13)?,
    })
}

fn segment(row: &AnyRow) -> sqlx::Result<SegmentInfo> {
    let fields = Fields(row);
    Ok(SegmentInfo {
        number: fields.count(0)?,
        records: fields.small(1)?,
        raw_bytes: fields.count(2)?,
        stored_bytes: fields.count(3)?,
        checksum: fields.text(4)?,
    })
}
