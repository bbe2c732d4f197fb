//! The shadows' values: filled in batches, and seen by everybody before they are used.

use std::collections::HashSet;

use clarion_core::{Error, Kind, Result, Retry, fault};
use sqlx::Row;
use tokio::time::{Instant, sleep};

use super::super::errors::During;
use super::super::session::LOCK_PAUSE;
use super::{DOING, Widening};

/// Pages of a batch: 16 MB, about a second's work.
const STEP: i64 = 2048;

impl Widening<'_> {
    /// Fills the rows that are not filled. Nobody else writes to the table: that is what the lease is for. Rows that
    /// move to later pages are filled already.
    pub(super) async fn fill(&mut self) -> Result<()> {
        let table = &self.known.table;
        let rows = self.session.rows(self.statements.count_pages(table, STEP).query(), DOING).await?;
        let row = rows.first().ok_or_else(|| self.session.server.error(DOING, sqlx::Error::RowNotFound))?;
        let pages: i64 = row.try_get(0).during(&self.session.server, DOING)?;
        let step: i64 = row.try_get(1).during(&self.session.server, DOING)?;
        let mut from = 0;
        while from < pages {
            self.begin().await?;
            let fill = self.statements.fill_shadows(table, &self.shadows, from, from + step);
            self.session.run(fill, DOING).await?;
            self.commit().await?;
            fault::point("postgres.shadow_batch");
            from += step;
        }
        Ok(())
    }

    /// Whoever reads a state of before the fill would find the shadows empty once they are in place: catalogues have
    /// no history. Waits until nobody does.
    pub(super) async fn wait_for_old_snapshots(&mut self) -> Result<()> {
        if fault::defect("postgres.no_snapshot_wait") {
            return Ok(());
        }
        let give_up = Instant::now() + self.session.lock_wait;
        let old = self.snapshots().await?;
        loop {
            if self.snapshots().await?.is_disjoint(&old) {
                return Ok(());
            }
            if Instant::now() >= give_up {
                return Err(Error::new(
                    Kind::Storage,
                    "gave up waiting for a transaction that reads an older state",
                )
                .retry(Retry::Temporary)
                .with("destination", &self.session.server.destination)
                .with("table", &self.known.table)
                .hint("end the long transaction (see pg_stat_activity.backend_xmin) and load again"));
            }
            sleep(LOCK_PAUSE).await;
        }
    }

    /// The states that other sessions of this database read now.
    async fn snapshots(&mut self) -> Result<HashSet<String>> {
        let query = sqlx::query(
            "SELECT l.virtualtransaction || ' ' || a.backend_xmin::text FROM pg_catalog.pg_stat_activity a \
             JOIN pg_catalog.pg_locks l ON l.pid = a.pid AND l.locktype = 'virtualxid' AND l.granted \
             AND l.virtualxid = l.virtualtransaction \
             WHERE a.datname = current_database() AND a.backend_xmin IS NOT NULL AND a.usesysid IS NOT NULL \
             AND a.pid <> pg_backend_pid()",
        );
        let rows = self.session.rows(query, DOING).await?;
        rows.iter().map(|row| row.try_get(0).during(&self.session.server, DOING)).collect()
    }
}
