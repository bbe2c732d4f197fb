//! Permits out of blocks that the ledger grants: no transaction per request, and never fewer booked than sent.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DurationRound, TimeDelta};
use clarion_core::{
    Ask, Clock, Error, Grant, Kind, Ledger, Purpose, Result, Spent, StreamName, Timestamp, week_start,
};
use tokio::time::Instant;

use crate::settings::SourceSettings;

/// Without a rate there is no second to fill; a killed process leaves at most this many booked too much.
const UNPACED_BLOCK: u32 = 500;
/// A slot of the shared pace that passed this long ago belongs to nobody: others may have filled that time.
const STALE_AFTER: Duration = Duration::from_secs(1);

/// The block of requests that is being used up.
pub(super) struct Books {
    ledger: Arc<dyn Ledger>,
    clock: Arc<dyn Clock>,
    block: u32,
    weekly_limit: u64,
    rate: f64,
    open: std::sync::Mutex<Open>,
    /// One at a time talks to the ledger.
    office: Arc<tokio::sync::Mutex<()>>,
}

/// Leave to send one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Permit {
    /// Not before; `None` without a rate.
    pub(super) slot: Option<Instant>,
    pub(super) week_start: Timestamp,
}

#[derive(Default)]
struct Open {
    block: Option<Block>,
    /// Sent and not booked.
    spent: BTreeMap<(Timestamp, StreamName, Purpose), u64>,
}

struct Block {
    grant: Grant,
    /// Granted to the forward sync, perhaps out of what is kept for it.
    kept: bool,
    first_slot: Instant,
    taken: u32,
}

impl Books {
    pub(super) fn new(settings: &SourceSettings, ledger: Arc<dyn Ledger>, clock: Arc<dyn Clock>) -> Self {
        let rate = settings.requests_per_second;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped just before")]
        let second = rate.ceil().clamp(1.0, 10_000.0) as u32;
        Self {
            ledger,
            clock,
            block: if rate > 0.0 { second } else { UNPACED_BLOCK },
            weekly_limit: settings.weekly_requests,
            rate,
            open: std::sync::Mutex::default(),
            office: Arc::default(),
        }
    }

    /// Takes a permit, counting it as spent at once.
    pub(super) async fn permit(self: &Arc<Self>, stream: &StreamName, purpose: Purpose) -> Result<Permit> {
        loop {
            if let Some(permit) = self.take(stream, purpose) {
                return Ok(permit);
            }
            let office = Arc::clone(&self.office).lock_owned().await;
            if let Some(permit) = self.take(stream, purpose) {
                return Ok(permit);
            }
            let books = Arc::clone(self);
            undisturbed(async move {
                let _office = office;
                books.renew(purpose).await
            })
            .await?;
        }
    }

    /// Books what was spent and gives the rest back.
    pub(super) async fn settle(self: &Arc<Self>) -> Result<()> {
        let office = Arc::clone(&self.office).lock_owned().await;
        let books = Arc::clone(self);
        undisturbed(async move {
            let _office = office;
            books.close().await
        })
        .await
    }

    fn take(&self, stream: &StreamName, purpose: Purpose) -> Option<Permit> {
        let now = self.clock.now();
        let mut open = self.open();
        let block = open.block.as_mut()?;
        if block.kept && !purpose.is_forward_sync() && self.weekly_limit > 0 {
            return None;
        }
        let (permit, leaves_at) = block.take(self.rate, now)?;
        let hour = leaves_at.duration_trunc(TimeDelta::hours(1)).unwrap_or(leaves_at);
        *open.spent.entry((hour, stream.clone(), purpose)).or_default() += 1;
        Some(permit)
    }

    async fn renew(&self, purpose: Purpose) -> Result<()> {
        self.close().await?;
        let now = self.clock.now();
        let Self { block: requests, weekly_limit, rate, .. } = *self;
        let ask = Ask { now, purpose, requests, weekly_limit, rate };
        let grant = self.ledger.reserve(ask).await?;
        let ahead = (grant.starts_at - self.clock.now()).to_std().unwrap_or_default();
        self.open().block = Some(Block {
            grant,
            kept: purpose.is_forward_sync(),
            first_slot: Instant::now() + ahead,
            taken: 0,
        });
        Ok(())
    }

    async fn close(&self) -> Result<()> {
        let Some((block, spent)) = self.open().cut() else {
            return Ok(());
        };
        let settled = self.ledger.settle(&block.grant, &rows(&spent), true).await;
        if settled.is_err() {
            // Nothing was booked: the next settling does it.
            self.open().put_back(block, spent);
        }
        settled
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block {
    /// A permit, and when it will be used: a slot may lie in the next hour, or in the next week.
    fn take(&mut self, rate: f64, now: Timestamp) -> Option<(Permit, Timestamp)> {
        // The first one of a block is always good, or a slow ledger would be asked for ever.
        let is_first = self.taken == 0;
        let is_over = week_start(now) > self.grant.week_start;
        if self.taken >= self.grant.requests || is_over && !is_first {
            return None;
        }
        let mut permit = Permit { slot: None, week_start: self.grant.week_start };
        let mut leaves_at = now;
        if rate > 0.0 {
            let after = Duration::from_secs_f64(f64::from(self.taken) / rate);
            let slot = self.first_slot + after;
            if slot.elapsed() > STALE_AFTER && !is_first {
                return None;
            }
            permit.slot = Some(slot);
            leaves_at = now.max(self.grant.starts_at + TimeDelta::from_std(after).unwrap_or_default());
        }
        self.taken += 1;
        Some((permit, leaves_at))
    }
}

/// Runs in a task of its own: a caller that is dropped while it waits must not lose a grant.
async fn undisturbed(work: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
    let ended = |error| Error::new(Kind::Storage, "the ledger's task ended early").source(error);
    tokio::spawn(work).await.map_err(ended)?
}

type Unbooked = BTreeMap<(Timestamp, StreamName, Purpose), u64>;

impl Open {
    fn cut(&mut self) -> Option<(Block, Unbooked)> {
        let block = self.block.take()?;
        Some((block, std::mem::take(&mut self.spent)))
    }

    fn put_back(&mut self, mut block: Block, spent: Unbooked) {
        block.taken = block.grant.requests;
        self.block = Some(block);
        for (what, requests) in spent {
            *self.spent.entry(what).or_default() += requests;
        }
    }
}

fn rows(spent: &Unbooked) -> Vec<Spent> {
    let row = |((hour, stream, purpose), requests): (&(Timestamp, StreamName, Purpose), &u64)| Spent {
        hour: *hour,
        stream: stream.clone(),
        purpose: *purpose,
        requests: *requests,
    };
    spent.iter().map(row).collect()
}
