//! The inbox: notifications until their calls are queued.

use async_trait::async_trait;
use clarion_core::{Inbox, Notice, RecordKey, Result, Taken, Timestamp, fault};
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::facts;
use crate::sql::{Binds, Fields};
use crate::store::Store;

#[async_trait]
impl Inbox for Store {
    async fn take(&self, notice: &Notice, limit: u64) -> Result<Taken> {
        take(&self.database, notice, limit)
            .await
            .map_err(|error| self.database.failed("cannot store a notification", error))
    }

    async fn waiting(&self, limit: u32) -> Result<Vec<Notice>> {
        self.read("the notifications", waiting(&self.database, limit).await)
    }

    async fn settle(&self, ids: &[String]) -> Result<()> {
        settle(&self.database, ids)
            .await
            .map_err(|error| self.database.failed("cannot store what was queued", error))
    }

    async fn forget(&self, before: Timestamp) -> Result<()> {
        let mut binds = Binds::default();
        binds.time(before);
        let delete = binds.query("DELETE FROM notices WHERE taken_at < $1 AND call_id IS NULL");
        let done = self.database.write(delete).await;
        done.map(|_| ()).map_err(|error| self.database.failed("cannot forget old notifications", error))
    }
}

/// Inserted first and counted after, so that a repetition is recognised also when the inbox is full.
async fn take(database: &Database, notice: &Notice, limit: u64) -> sqlx::Result<Taken> {
    let purged = facts::purged(database).await?.is_some_and(|purged| purged.contains(&notice.call));
    let mut transaction = database.begin().await?;
    let mut binds = Binds::default();
    // What was removed for good is not written down again.
    binds.text(&notice.id).opt_text((!purged).then_some(notice.call.as_str())).time(notice.taken_at);
    let insert =
        "INSERT INTO notices (id, call_id, taken_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING";
    let inserted = binds.query(insert).execute(&mut *transaction).await?.rows_affected();
    if inserted == 0 {
        return Ok(Taken::Repeated);
    }
    let count = "SELECT COUNT(*) FROM notices WHERE call_id IS NOT NULL";
    let row = Binds::default().query(count).fetch_one(&mut *transaction).await?;
    if Fields(&row).count(0)? > limit {
        return Ok(Taken::Full);
    }
    transaction.commit().await?;
    Ok(Taken::New)
}

async fn waiting(database: &Database, limit: u32) -> sqlx::Result<Vec<Notice>> {
    let mut binds = Binds::default();
    binds.int(i64::from(limit));
    let select = "SELECT id, call_id, taken_at FROM notices WHERE call_id IS NOT NULL \
         ORDER BY taken_at, id LIMIT $1";
    database.rows(binds.query(select)).await?.iter().map(notice).collect()
}

async fn settle(database: &Database, ids: &[String]) -> sqlx::Result<()> {
    if fault::defect("inbox.never_settled") {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    for id in ids {
        let mut binds = Binds::default();
        binds.text(id);
        let update = binds.query("UPDATE notices SET call_id = NULL WHERE id = $1");
        update.execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

fn notice(row: &AnyRow) -> sqlx::Result<Notice> {
    let fields = Fields(row);
    Ok(Notice { id: fields.text(0)?, call: fields.parsed(1, RecordKey::parse)?, taken_at: fields.time(2)? })
}
