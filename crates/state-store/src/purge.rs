//! Forgetting records for good: their rows, what was reported of them, and the bytes that they leave behind.

use std::collections::HashSet;

use clarion_core::{ChangedKeys, Error, Fence, Kind, RecordKey, Result, Retry, StreamName, fault};
use serde_json::Value;
use sqlx::{AnyConnection, Executor};

use crate::commit::begin_fenced;
use crate::database::Database;
use crate::sql::{Binds, ByKeys, Fields, Marks};

/// Stands where a report named what was purged.
const NAMELESS: &str = "(purged)";

pub(crate) async fn purge(database: &Database, fence: Fence, keys: &ChangedKeys) -> Result<()> {
    let failed = |error| database.failed("cannot purge the state store", error);
    let mut transaction = begin_fenced(database, fence).await?;
    delete_rows(&mut transaction, keys).await.map_err(failed)?;
    // Only a call's id is one of a kind: the key of another record may be a number that stands anywhere.
    let calls =
        [StreamName::CALLS, StreamName::CALL_DETAILS].into_iter().filter_map(|stream| keys.get(&stream));
    let calls: HashSet<&RecordKey> = calls.flatten().collect();
    for call in calls {
        forget_mentions(&mut transaction, call).await.map_err(failed)?;
    }
    fault::point("state.purging");
    transaction.commit().await.map_err(failed)?;
    fault::point("state.purged");
    if fault::defect("state.purge_leaves_bytes") {
        return Ok(());
    }
    wipe(database).await
}

async fn delete_rows(connection: &mut AnyConnection, keys: &ChangedKeys) -> sqlx::Result<()> {
    const DELETES: [ByKeys; 4] = [
        ByKeys("DELETE FROM known WHERE stream = {stream} AND key IN ({keys})"),
        ByKeys("DELETE FROM queue WHERE stream = {stream} AND key IN ({keys})"),
        ByKeys("DELETE FROM leads WHERE stream = {stream} AND key IN ({keys})"),
        ByKeys("DELETE FROM rejected WHERE stream = {stream} AND key IN ({keys})"),
    ];
    let marks = Marks::of(connection);
    for (stream, keys) in keys {
        let keys: Vec<&str> = keys.iter().map(RecordKey::as_str).collect();
        for statement in DELETES.iter().flat_map(|delete| delete.statements(marks, stream.as_str(), &keys)) {
            statement.execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// The streams that the call leads to; a cursor that is its id; reports of runs, reasons of rejections and notifications may name a record.
async fn forget_mentions(connection: &mut AnyConnection, key: &RecordKey) -> sqlx::Result<()> {
    for statement in [
        "DELETE FROM rejected WHERE REPLACE(reason, $1, '') <> reason",
        "DELETE FROM leads WHERE key = $1",
        "DELETE FROM marks WHERE value = $1",
        "UPDATE notices SET call_id = NULL WHERE call_id = $1",
        "DELETE FROM notices WHERE REPLACE(id, $1, '') <> id",
    ] {
        Binds::default().text(key.as_str()).query(statement).execute(&mut *connection).await?;
    }
    // In a report the key stands as JSON writes it.
    let quoted = Value::from(key.as_str()).to_string();
    let inner = quoted.get(1..quoted.len() - 1).unwrap_or_default();
    let select = "SELECT id, report FROM runs WHERE REPLACE(report, $1, '') <> report";
    for row in Binds::default().text(inner).query(select).fetch_all(&mut *connection).await? {
        let (id, report) = (Fields(&row).text(0)?, Fields(&row).text(1)?);
        let update = "UPDATE runs SET report = $1 WHERE id = $2";
        let report = without(&report, key.as_str());
        Binds::default().text(&report).text(&id).query(update).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The report with every text replaced that names the key.
fn without(report: &str, key: &str) -> String {
    let Ok(mut report) = serde_json::from_str::<Value>(report) else {
        return String::new();
    };
    scrub(&mut report, key);
    report.to_string()
}

fn scrub(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if text.contains(key) => NAMELESS.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, key)),
        Value::Object(fields) => fields.values_mut().for_each(|field| scrub(field, key)),
        _ => {}
    }
}

async fn wipe(database: &Database) -> Result<()> {
    let failed = |error| database.failed("cannot wipe what was purged from the state store", error);
    let mut connection = database.connect().await?;
    database.backend.set_up(&mut connection, false).await.map_err(failed)?;
    for statement in database.backend.wipe() {
        let row = connection.fetch_optional(*statement).await.map_err(failed)?;
        // A checkpoint says whether somebody was in its way.
        let is_checkpoint = statement.contains("wal_checkpoint");
        if let Some(row) = row.filter(|_| is_checkpoint)
            && Fields(&row).int(0).map_err(failed)? != 0
        {
            return Err(Error::new(Kind::Storage, "another process reads the state store")
                .retry(Retry::Temporary)
                .hint("end `clarion status` and the like, and purge again: what was purged may still be in its log"));
        }
    }
    fault::point("state.wiped");
    Ok(())
}
