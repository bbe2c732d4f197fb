//! The ledger's rows.

use clarion_core::{Grant, Purpose, Recent, Spent, StreamName, Timestamp};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use super::pace::Pace;
use crate::sql::{Binds, Fields, decode_error};

/// What counts in a week.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct InWeek {
    settled: u64,
    pub(super) reserved: u64,
}

impl InWeek {
    pub(super) fn total(self) -> u64 {
        self.settled + self.reserved
    }
}

/// An update that changes nothing takes the row's lock in Postgres; in SQLite the transaction holds one already.
pub(super) async fn lock_pace(connection: &mut AnyConnection) -> sqlx::Result<Pace> {
    let lock =
        "UPDATE ledger_pace SET last_grant = last_grant WHERE id = 1 RETURNING next_slot_us, last_grant";
    let row = Binds::default().query(lock).fetch_one(connection).await?;
    Ok(Pace { next_slot_us: Fields(&row).int(0)?, last_grant: Fields(&row).int(1)? })
}

pub(super) async fn store_pace(
    connection: &mut AnyConnection,
    next_slot_us: i64,
    last_grant: i64,
) -> sqlx::Result<()> {
    let mut binds = Binds::default();
    binds.int(next_slot_us).int(last_grant);
    let update = "UPDATE ledger_pace SET next_slot_us = $1, last_grant = $2 WHERE id = 1";
    binds.query(update).execute(connection).await?;
    Ok(())
}

pub(super) async fn week_use(connection: &mut AnyConnection, week: Timestamp) -> sqlx::Result<InWeek> {
    let mut binds = Binds::default();
    binds.time(week);
    let select = "SELECT settled, reserved FROM ledger_weeks WHERE week_start = $1";
    match binds.query(select).fetch_optional(connection).await? {
        Some(row) => Ok(InWeek { settled: Fields(&row).count(0)?, reserved: Fields(&row).count(1)? }),
        None => Ok(InWeek::default()),
    }
}

pub(super) async fn add_to_week(
    connection: &mut AnyConnection,
    week: Timestamp,
    settled: i64,
    reserved: i64,
) -> sqlx::Result<()> {
    let mut binds = Binds::default();
    binds.time(week).int(settled).int(reserved);
    let upsert = "INSERT INTO ledger_weeks (week_start, settled, reserved) VALUES ($1, $2, $3) \
         ON CONFLICT (week_start) DO UPDATE SET settled = ledger_weeks.settled + excluded.settled, \
         reserved = ledger_weeks.reserved + excluded.reserved";
    binds.query(upsert).execute(connection).await?;
    Ok(())
}

pub(super) async fn insert_grant(connection: &mut AnyConnection, grant: &Grant) -> sqlx::Result<()> {
    let mut binds = Binds::default();
    binds.int(grant.id).time(grant.week_start).int(i64::from(grant.requests));
    let insert = "INSERT INTO ledger_grants (id, week_start, open_requests) VALUES ($1, $2, $3)";
    binds.query(insert).execute(connection).await?;
    Ok(())
}

/// What is reserved under a grant and not settled; 0 for a grant that is closed or unknown.
pub(super) async fn open_requests(connection: &mut AnyConnection, grant: &Grant) -> sqlx::Result<i64> {
    let mut binds = Binds::default();
    binds.int(grant.id).time(grant.week_start);
    let select = "SELECT open_requests FROM ledger_grants WHERE id = $1 AND week_start = $2";
    match binds.query(select).fetch_optional(connection).await? {
        Some(row) => Fields(&row).int(0),
        None => Ok(0),
    }
}

pub(super) async fn shrink_grant(
    connection: &mut AnyConnection,
    grant: &Grant,
    released: i64,
    close: bool,
) -> sqlx::Result<()> {
    let mut binds = Binds::default();
    binds.int(grant.id).time(grant.week_start);
    let statement = if close {
        binds.query("DELETE FROM ledger_grants WHERE id = $1 AND week_start = $2")
    } else {
        let update =
            "UPDATE ledger_grants SET open_requests = open_requests - $3 WHERE id = $1 AND week_start = $2";
        binds.int(released).query(update)
    };
    statement.execute(connection).await?;
    Ok(())
}

pub(super) async fn add_spent(
    connection: &mut AnyConnection,
    week: Timestamp,
    hour: i64,
    part: &Spent,
) -> sqlx::Result<()> {
    let mut binds = Binds::default();
    binds.time(week).int(hour).text(part.stream.as_str()).text(part.purpose.as_str());
    binds.int(i64::try_from(part.requests).unwrap_or(i64::MAX));
    let upsert = "INSERT INTO ledger_spent (week_start, hour, stream, purpose, requests) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (week_start, hour, stream, purpose) \
         DO UPDATE SET requests = ledger_spent.requests + excluded.requests";
    binds.query(upsert).execute(connection).await?;
    Ok(())
}

pub(super) async fn spent(connection: &mut AnyConnection, week: Timestamp) -> sqlx::Result<Vec<Spent>> {
    let mut binds = Binds::default();
    binds.time(week);
    let select = "SELECT hour, stream, purpose, requests FROM ledger_spent WHERE week_start = $1 \
         ORDER BY hour, stream, purpose";
    binds.query(select).fetch_all(connection).await?.iter().map(part).collect()
}

/// What the forward sync used lately, over the week's boundary.
pub(super) async fn recent(connection: &mut AnyConnection, now: Timestamp) -> sqlx::Result<Recent> {
    let select = "SELECT purpose, MIN(hour), CAST(SUM(requests) AS BIGINT) FROM ledger_spent WHERE hour >= $1 \
         GROUP BY purpose";
    let mut binds = Binds::default();
    binds.time(Recent::begins(now));
    let mut recent = Recent::default();
    for row in binds.query(select).fetch_all(connection).await? {
        let fields = Fields(&row);
        if Purpose::parse(&fields.text(0)?).is_some_and(Purpose::is_forward_sync) {
            let first = fields.time(1)?;
            recent.since = Some(recent.since.map_or(first, |since| since.min(first)));
            recent.requests += fields.count(2)?;
        }
    }
    Ok(recent)
}

fn part(row: &AnyRow) -> sqlx::Result<Spent> {
    let fields = Fields(row);
    let purpose = fields.text(2)?;
    Ok(Spent {
        hour: fields.time(0)?,
        stream: fields.parsed(1, StreamName::parse)?,
        purpose: Purpose::parse(&purpose)
            .ok_or_else(|| decode_error(2, format!("no such purpose: {purpose}")))?,
        requests: fields.count(3)?,
    })
}
