//! The quota ledger: reserved before a request is made, settled after, shared by all processes on one store.
//!
//! Invariant: a week's count is never below what was granted and not given back. A process that dies leaves its grant
//! counted.

mod pace;
mod tables;

use async_trait::async_trait;
use chrono::Duration;
use clarion_core::{
    Ask, Error, Grant, Kind, Ledger, Result, Spent, Timestamp, WeekUse, fault, format_timestamp, from_millis,
    week_start,
};

use sqlx::AnyConnection;

use crate::Store;
use crate::database::Database;
use pace::Slots;

const HOUR_MS: i64 = 3_600_000;

#[async_trait]
impl Ledger for Store {
    async fn reserve(&self, ask: Ask) -> Result<Grant> {
        let reserved = reserve(&self.database, ask).await;
        reserved.map_err(|error| self.database.failed("cannot reserve requests", error))?
    }

    /// A grant that the store does not know has nothing to give back, but what it was used for is booked all the same.
    async fn settle(&self, grant: &Grant, spent: &[Spent], close: bool) -> Result<()> {
        let settled = settle(&self.database, grant, spent, close).await;
        settled.map_err(|error| self.database.failed("cannot book requests", error))
    }

    async fn week(&self, now: Timestamp) -> Result<WeekUse> {
        week(&self.database, now).await.map_err(|error| self.database.failed("cannot read the ledger", error))
    }
}

async fn reserve(database: &Database, ask: Ask) -> sqlx::Result<Result<Grant>> {
    let mut transaction = database.begin().await?;
    let pace = tables::lock_pace(&mut transaction).await?;
    let slots = Slots::after(&pace, &ask);
    // Of the first slot and not of now: the vendor counts a request in the week in which it arrives.
    let week = week_start(slots.start);
    let left = left(&mut transaction, week, &ask).await?;
    let available = left.available();
    if available == 0 {
        return Ok(Err(left.spent_up(week, ask.weekly_limit)));
    }
    let requests =
        slots.before(week_end(week)).min(u32::try_from(available).unwrap_or(u32::MAX)).min(ask.requests);
    let grant = Grant { id: pace.next_grant(ask.now), week_start: week, requests, starts_at: slots.start };
    if !fault::defect("state.reservation_uncounted") {
        tables::add_to_week(&mut transaction, week, 0, i64::from(requests)).await?;
    }
    tables::insert_grant(&mut transaction, &grant).await?;
    let next_slot_us = slots.end_us(requests).unwrap_or(pace.next_slot_us);
    tables::store_pace(&mut transaction, next_slot_us, grant.id).await?;
    transaction.commit().await?;
    fault::point("state.reserved");
    Ok(Ok(grant))
}

/// What is left of a week, and how much of it is kept for others.
struct Left {
    requests: u64,
    kept: u64,
}

async fn left(connection: &mut AnyConnection, week: Timestamp, ask: &Ask) -> sqlx::Result<Left> {
    if ask.weekly_limit == 0 {
        return Ok(Left { requests: u64::MAX, kept: 0 });
    }
    let used = tables::week_use(connection, week).await?.total();
    let is_kept_from = !ask.purpose.is_forward_sync() && !fault::defect("state.no_reserve");
    let kept = if is_kept_from {
        let now = ask.now.max(week);
        tables::recent(connection, now).await?.reserve(ask.weekly_limit, now)
    } else {
        0
    };
    Ok(Left { requests: ask.weekly_limit.saturating_sub(used), kept })
}

impl Left {
    fn available(&self) -> u64 {
        self.requests.saturating_sub(self.kept)
    }

    fn spent_up(&self, week: Timestamp, limit: u64) -> Error {
        let message = if self.requests == 0 {
            "the week's requests are spent"
        } else {
            "the rest of the week's requests is kept for the forward sync"
        };
        Error::new(Kind::Quota, message)
            .with("limit", limit)
            .with("left", self.requests)
            .with("resumes_at", format_timestamp(week_end(week)))
            .hint("nothing is lost: the next run after that time goes on where this one stopped")
    }
}

async fn settle(database: &Database, grant: &Grant, spent: &[Spent], close: bool) -> sqlx::Result<()> {
    let mut transaction = database.begin().await?;
    tables::lock_pace(&mut transaction).await?;
    let mut total = 0_i64;
    for part in spent.iter().filter(|part| part.requests > 0) {
        let requests = i64::try_from(part.requests).unwrap_or(i64::MAX);
        total = total.saturating_add(requests);
        // The week of the request and not of the grant: what was held back over the week's end counts where the
        // vendor counts it.
        let hour = part.hour.timestamp_millis().div_euclid(HOUR_MS) * HOUR_MS;
        let week = week_start(from_millis(hour));
        tables::add_to_week(&mut transaction, week, requests, 0).await?;
        tables::add_spent(&mut transaction, week, hour, part).await?;
    }
    let open = tables::open_requests(&mut transaction, grant).await?;
    let released = if close { open } else { total.min(open) };
    tables::add_to_week(&mut transaction, grant.week_start, 0, -released).await?;
    tables::shrink_grant(&mut transaction, grant, released, close).await?;
    transaction.commit().await?;
    fault::point("state.settled");
    Ok(())
}

async fn week(database: &Database, now: Timestamp) -> sqlx::Result<WeekUse> {
    let start = week_start(now);
    // One transaction, so that the parts add up; it locks nothing that is written.
    let mut transaction = database.begin_reading().await?;
    let in_week = tables::week_use(&mut transaction, start).await?;
    let spent = tables::spent(&mut transaction, start).await?;
    let recent = tables::recent(&mut transaction, now).await?;
    transaction.commit().await?;
    Ok(WeekUse {
        week_start: start,
        resumes_at: week_end(start),
        used: in_week.total(),
        reserved: in_week.reserved,
        spent,
        recent,
    })
}

fn week_end(start: Timestamp) -> Timestamp {
    start + Duration::weeks(1)
}
