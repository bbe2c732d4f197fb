//! What can be read of the service at any moment, beside whatever run is under way.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clarion_core::{
    Gauges, Position, Purpose, Reason, Result, RunSummary, StreamGauge, StreamName, Timestamp,
};

use crate::calls::FORWARD;
use crate::declared::{absent_mark, read_cursor};
use crate::engine::{Engine, Stores};
use crate::freshness;

/// A destination that does not answer for so long is as good as down.
const PATIENCE: Duration = Duration::from_secs(30);
/// What notifications may spend of the week: one part in so many.
const ASKED_SHARE: u64 = 10;
/// Notifications that may wait where requests are unlimited.
const ASKED_AT_ONCE: u64 = 10_000;

/// Reads the state store, and remembers where the destinations stood after the last run: they are not asked while one
/// is being loaded.
pub struct Probe {
    stores: Stores,
    streams: Vec<StreamName>,
    weekly_requests: u64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    positions: BTreeMap<String, Option<Position>>,
    last_success: Option<Timestamp>,
}

impl Probe {
    pub(super) async fn new(engine: &Engine) -> Result<Self> {
        let streams = engine.stream_names().into_iter().filter(|stream| engine.streams.is_enabled(stream));
        let last_success = freshness::last_success(engine.stores.state.as_ref()).await?;
        Ok(Self {
            stores: engine.stores.clone(),
            streams: streams.collect(),
            weekly_requests: engine.weekly_requests,
            seen: Mutex::new(Seen { positions: BTreeMap::new(), last_success }),
        })
    }

    /// Fails when the state store cannot be read.
    pub async fn check(&self) -> Result<()> {
        self.stores.state.generation().await.map(|_| ())
    }

    pub fn last_success(&self) -> Option<Timestamp> {
        self.seen().last_success
    }

    /// How many notifications may still wait: a sender gone wild must not spend the week.
    pub async fn room_for_asked(&self) -> Result<u64> {
        if self.weekly_requests == 0 {
            return Ok(ASKED_AT_ONCE);
        }
        let now = self.stores.clock.now();
        let spent = self.stores.ledger.week(now).await?.spent;
        let spent: u64 =
            spent.iter().filter(|spent| spent.purpose == Purpose::OnDemand).map(|spent| spent.requests).sum();
        let queued =
            self.stores.state.queue_depth(now).await?.get(&Reason::OnDemand).map_or(0, |depth| depth.0);
        Ok((self.weekly_requests / ASKED_SHARE).saturating_sub(spent + queued).min(ASKED_AT_ONCE))
    }

    pub async fn gauges(&self) -> Result<Gauges> {
        let now = self.stores.clock.now();
        let mut queue: BTreeMap<Reason, (u64, u64)> =
            Reason::ALL.into_iter().map(|reason| (reason, (0, 0))).collect();
        queue.extend(self.stores.state.queue_depth(now).await?);
        let week = self.stores.ledger.week(now).await?;
        Ok(Gauges {
            quota_left: (self.weekly_requests > 0).then(|| self.weekly_requests.saturating_sub(week.used)),
            queue,
            streams: self.stream_gauges(now).await?,
            rejected: self.stores.state.count_rejected().await?,
            backfill: self.backfill().await?,
            destinations: self.lags().await?,
        })
    }

    async fn stream_gauges(&self, now: Timestamp) -> Result<Vec<StreamGauge>> {
        let cursors = self.stores.state.cursors().await?;
        let marks = self.stores.state.marks().await?;
        let gauge = |name: &StreamName| {
            let of_sync = self.last_success();
            let (last_success, known_to) = if *name == StreamName::CALLS {
                // What a proved listing covers is there, however the rest of its run went.
                (of_sync, cursors.get(FORWARD).copied().or(of_sync))
            } else if *name == StreamName::CALL_DETAILS {
                (of_sync, of_sync)
            } else {
                // An endpoint that is not there was asked for, and nothing was read.
                let is_there = !marks.contains_key(&absent_mark(name));
                let read = cursors.get(&read_cursor(name)).copied().filter(|_| is_there);
                (read, read)
            };
            let lag = known_to.map(|at| (now - at).max(chrono::Duration::zero()));
            StreamGauge { name: name.clone(), last_success, lag }
        };
        Ok(self.streams.iter().map(gauge).collect())
    }

    async fn backfill(&self) -> Result<(u64, u64)> {
        let jobs = self.stores.state.backfills().await?;
        let open = jobs.iter().filter(|job| job.ended_at.is_none());
        Ok(open.fold((0, 0), |(expected, listed), job| (expected + job.expected, listed + job.listed)))
    }

    async fn lags(&self) -> Result<BTreeMap<String, Option<u64>>> {
        let positions = self.seen().positions.clone();
        let after = positions.values().flatten().map(|position| position.segment).min().unwrap_or(0);
        let segments = self.stores.state.segments(after).await?;
        let behind = |position: Position| {
            let later = segments.iter().filter(|segment| segment.number > position.segment);
            later.map(|segment| u64::from(segment.records)).sum()
        };
        Ok(positions.into_iter().map(|(name, position)| (name, position.map(behind))).collect())
    }

    /// Asks each destination how far it is. One that does not answer stands where it stood.
    pub(super) async fn look_at_destinations(&self, engine: &Engine) {
        for destination in &engine.destinations {
            let looked = tokio::time::timeout(PATIENCE, destination.inspect()).await;
            let found = looked.ok().and_then(Result::ok).map(|state| state.position);
            let mut seen = self.seen();
            let position = seen.positions.entry(destination.name().to_owned()).or_default();
            *position = found.or(*position);
        }
    }

    pub(super) fn note(&self, run: &RunSummary) {
        if run.is_fresh() {
            self.seen().last_success = Some(run.ended_at);
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
