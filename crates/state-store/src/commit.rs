//! A step of progress, all of it or nothing.

use std::collections::{BTreeMap, HashMap};

use clarion_core::{
    Error, Fence, Kind, Known, Progress, RecordKey, Result, SegmentInfo, StreamName, Timestamp, fault,
};
use sqlx::{Any, AnyConnection, Transaction};

use crate::database::Database;
use crate::sql::{Binds, Fields, Insert};
use crate::{backfills, facts, leads, queue, rejected, slices};

/// Stores `progress` in one transaction, if no higher fence was seen.
pub(crate) async fn commit(database: &Database, fence: Fence, progress: Progress) -> Result<()> {
    let failed = |error| database.failed("cannot store the progress", error);
    let mut transaction = begin_fenced(database, fence).await?;
    write_marks(&mut transaction, &progress).await.map_err(failed)?;
    if fault::defect("state.split_commit") {
        transaction.commit().await.map_err(failed)?;
        transaction = database.begin().await.map_err(failed)?;
    }
    fault::point("state.writing");
    write_records(&mut transaction, progress).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    fault::point("state.committed");
    Ok(())
}

/// Begins a transaction, if no higher fence was seen.
pub(crate) async fn begin_fenced(database: &Database, fence: Fence) -> Result<Transaction<'static, Any>> {
    let failed = |error| database.failed("cannot write to the state store", error);
    let mut transaction = database.begin().await.map_err(failed)?;
    if raise_fence(&mut transaction, fence).await.map_err(failed)? {
        return Ok(transaction);
    }
    Err(Error::new(Kind::Conflict, "another writer took over")
        .with("fence", fence)
        .hint("this process lost the lease; start it again when the other one has ended"))
}

/// Locks the row that all commits lock, and remembers the fence. False if a higher one was seen.
async fn raise_fence(connection: &mut AnyConnection, fence: Fence) -> sqlx::Result<bool> {
    let mut binds = Binds::default();
    binds.int(signed(fence));
    let update = "UPDATE control SET fence = $1 WHERE id = 1 AND fence <= $1";
    let raised = binds.query(update).execute(&mut *connection).await?.rows_affected();
    Ok(raised == 1)
}

/// Takes the next fence: above every one seen, and not below `at_least`.
pub(crate) async fn next_fence(database: &Database, at_least: Fence) -> sqlx::Result<Fence> {
    let mut transaction = database.begin().await?;
    let mut binds = Binds::default();
    binds.int(signed(at_least));
    let update = "UPDATE control SET fence = CASE WHEN fence >= $1 THEN fence + 1 ELSE $1 END WHERE id = 1 \
         RETURNING fence";
    let row = binds.query(update).fetch_one(&mut *transaction).await?;
    let fence = Fields(&row).count(0)?;
    transaction.commit().await?;
    Ok(fence)
}

/// What says how far things are.
async fn write_marks(connection: &mut AnyConnection, progress: &Progress) -> sqlx::Result<()> {
    write_cursors(connection, &progress.cursors).await?;
    leads::write_marks(connection, &progress.marks).await?;
    slices::write(connection, &progress.slices).await?;
    backfills::write(connection, &progress.backfills).await?;
    if let Some(generation) = progress.generation {
        let mut binds = Binds::default();
        binds.int(i64::from(generation));
        let update = "UPDATE control SET generation = $1 WHERE id = 1 AND generation < $1";
        binds.query(update).execute(&mut *connection).await?;
    }
    if let Some(journal) = &progress.journal {
        facts::set_journal(connection, journal).await?;
    }
    if let Some(purged) = &progress.purged {
        facts::set_purged(connection, purged).await?;
    }
    if let Some(rules) = &progress.rules {
        facts::set_rules(connection, rules).await?;
    }
    if let Some(rewriting) = progress.rewriting {
        facts::set_rewriting(connection, rewriting).await?;
    }
    if let Some(segment) = &progress.segment {
        write_segment(connection, segment).await?;
    }
    Ok(())
}

async fn write_records(connection: &mut AnyConnection, progress: Progress) -> sqlx::Result<()> {
    write_known(connection, progress.known).await?;
    queue::remove(connection, progress.done).await?;
    queue::add(connection, progress.queued).await?;
    leads::write(connection, progress.leads).await?;
    write_paths(connection, &progress.paths).await?;
    rejected::remove(connection, progress.accepted).await?;
    rejected::add(connection, progress.rejected).await
}

async fn write_known(connection: &mut AnyConnection, known: Vec<Known>) -> sqlx::Result<()> {
    const INSERT: Insert = Insert {
        into: "known (stream, key, hash, position, private, time_at, modified_at, status, fingerprint, paths, \
               checked_at, generation, gone, absent)",
        columns: 14,
        on_conflict: "ON CONFLICT (stream, key) DO UPDATE SET hash = excluded.hash, position = excluded.position, \
             private = excluded.private, time_at = excluded.time_at, modified_at = excluded.modified_at, \
             status = excluded.status, fingerprint = excluded.fingerprint, paths = excluded.paths, \
             checked_at = excluded.checked_at, generation = excluded.generation, gone = excluded.gone, \
             absent = excluded.absent \
             WHERE excluded.position >= known.position",
    };
    let rows = latest_versions(known);
    INSERT
        .run(connection, &rows, |binds, row| {
            binds.text(row.stream.as_str()).text(row.key.as_str()).int(row.hash.cast_signed());
            binds.int(row.position.pack()).opt_int(row.private.map(i64::from));
            binds.opt_time(row.time).opt_time(row.modified).opt_text(row.status.as_deref());
            binds.int(row.fingerprint.cast_signed()).int(i64::from(row.paths)).time(row.checked_at);
            binds.int(i64::from(row.generation)).int(i64::from(row.gone)).int(i64::from(row.absent));
        })
        .await
}

/// One version a key, as if they had come one by one: a statement may not touch a row twice. Sorted, so that the index
/// is walked and not jumped through.
fn latest_versions(known: Vec<Known>) -> Vec<Known> {
    let mut latest: HashMap<(StreamName, RecordKey), Known> = HashMap::with_capacity(known.len());
    for version in known {
        let key = (version.stream.clone(), version.key.clone());
        if latest.get(&key).is_none_or(|other| version.position >= other.position) {
            latest.insert(key, version);
        }
    }
    let mut rows: Vec<Known> = latest.into_values().collect();
    rows.sort_unstable_by(|a, b| (&a.stream, &a.key).cmp(&(&b.stream, &b.key)));
    rows
}

async fn write_cursors(
    connection: &mut AnyConnection,
    cursors: &BTreeMap<String, Timestamp>,
) -> sqlx::Result<()> {
    const INSERT: Insert = Insert {
        into: "cursors (name, at)",
        columns: 2,
        on_conflict: "ON CONFLICT (name) DO UPDATE SET at = excluded.at WHERE excluded.at > cursors.at",
    };
    let rows: Vec<(&String, &Timestamp)> = cursors.iter().collect();
    let bind = |binds: &mut Binds, row: &(&String, &Timestamp)| {
        binds.text(row.0).time(*row.1);
    };
    INSERT.run(connection, &rows, bind).await
}

async fn write_paths(connection: &mut AnyConnection, paths: &BTreeMap<String, u32>) -> sqlx::Result<()> {
    // The number of a path is part of stored fingerprints and never changes.
    const INSERT: Insert =
        Insert { into: "paths (path, ordinal)", columns: 2, on_conflict: "ON CONFLICT (path) DO NOTHING" };
    let rows: Vec<(&String, &u32)> = paths.iter().collect();
    let bind = |binds: &mut Binds, row: &(&String, &u32)| {
        binds.text(row.0).int(i64::from(*row.1));
    };
    INSERT.run(connection, &rows, bind).await
}

async fn write_segment(connection: &mut AnyConnection, segment: &SegmentInfo) -> sqlx::Result<()> {
    // A segment that was compacted keeps its number.
    let upsert = "INSERT INTO segments (number, records, raw_bytes, stored_bytes, checksum) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (number) DO UPDATE SET records = excluded.records, \
         raw_bytes = excluded.raw_bytes, stored_bytes = excluded.stored_bytes, checksum = excluded.checksum";
    let mut binds = Binds::default();
    binds.int(signed(segment.number)).int(i64::from(segment.records)).int(signed(segment.raw_bytes));
    binds.int(signed(segment.stored_bytes)).text(&segment.checksum);
    binds.query(upsert).execute(connection).await?;
    Ok(())
}

/// Fences, sizes and segment numbers stay far below 2^63.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
