//! Historical loads, a row each.

use clarion_core::{Backfill, SliceInHand};
use sqlx::AnyConnection;
use sqlx::any::AnyRow;

use crate::database::Database;
use crate::sql::{Binds, Fields, Insert};

pub(crate) async fn all(database: &Database) -> sqlx::Result<Vec<Backfill>> {
    let select = "SELECT id, from_at, to_at, begun_at, expected, planned, listed, spent, in_hand_from, in_hand_to, \
         in_hand_listed_to, in_hand_rows, ended_at FROM backfills ORDER BY begun_at, id";
    database.rows(Binds::default().query(select)).await?.iter().map(backfill).collect()
}

/// Adds a job unless one of its id is under way.
pub(crate) async fn ask(database: &Database, job: &Backfill) -> sqlx::Result<()> {
    let mut transaction = database.begin().await?;
    let mut binds = Binds::default();
    binds.text(&job.id);
    let open = "SELECT COUNT(*) FROM backfills WHERE id = $1 AND ended_at IS NULL";
    let row = binds.query(open).fetch_one(&mut *transaction).await?;
    if Fields(&row).int(0)? == 0 {
        write(&mut transaction, std::slice::from_ref(job)).await?;
    }
    transaction.commit().await
}

pub(crate) async fn write(connection: &mut AnyConnection, jobs: &[Backfill]) -> sqlx::Result<()> {
    const INSERT: Insert = Insert {
        into: "backfills (id, from_at, to_at, begun_at, expected, planned, listed, spent, in_hand_from, in_hand_to, \
               in_hand_listed_to, in_hand_rows, ended_at)",
        columns: 13,
        on_conflict: "ON CONFLICT (id) DO UPDATE SET from_at = excluded.from_at, to_at = excluded.to_at, \
             begun_at = excluded.begun_at, expected = excluded.expected, planned = excluded.planned, \
             listed = excluded.listed, spent = excluded.spent, in_hand_from = excluded.in_hand_from, \
             in_hand_to = excluded.in_hand_to, in_hand_listed_to = excluded.in_hand_listed_to, \
             in_hand_rows = excluded.in_hand_rows, ended_at = excluded.ended_at",
    };
    INSERT
        .run(connection, jobs, |binds, job| {
            let hand = job.in_hand;
            binds.text(&job.id).time(job.from).time(job.to).time(job.begun_at);
            binds.int(job.expected.cast_signed()).int(job.planned.cast_signed());
            binds.int(job.listed.cast_signed()).int(job.spent.cast_signed());
            binds.opt_time(hand.map(|hand| hand.from)).opt_time(hand.map(|hand| hand.to));
            binds.opt_time(hand.map(|hand| hand.listed_to)).opt_int(hand.map(|hand| hand.rows.cast_signed()));
            binds.opt_time(job.ended_at);
        })
        .await
}

fn backfill(row: &AnyRow) -> sqlx::Result<Backfill> {
    let fields = Fields(row);
    let in_hand = match (fields.opt_time(8)?, fields.opt_time(9)?, fields.opt_time(10)?, fields.opt_int(11)?)
    {
        (Some(from), Some(to), Some(listed_to), Some(rows)) => {
            Some(SliceInHand { from, to, listed_to, rows: rows.cast_unsigned() })
        }
        _ => None,
    };
    Ok(Backfill {
        id: fields.text(0)?,
        from: fields.time(1)?,
        to: fields.time(2)?,
        begun_at: fields.time(3)?,
        expected: fields.count(4)?,
        planned: fields.count(5)?,
        listed: fields.count(6)?,
        spent: fields.count(7)?,
        in_hand,
        ended_at: fields.opt_time(12)?,
    })
}
