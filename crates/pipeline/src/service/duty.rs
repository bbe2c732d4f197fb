//! The work of the service over the engine: one lease for as long as it runs, a run of its own for each piece.

use std::sync::Arc;

use async_trait::async_trait;
use clarion_core::{Event, Kind, Lease, Outcome, Result, RunSummary, Source, Timestamp};

use super::Work;
use super::probe::Probe;
use super::summary::{of_end, of_failure, verdict};
use crate::engine::{Engine, Stores, Writer};
use crate::schedule::Past;
use crate::sync::{RunEnd, SyncOptions};

/// What the lease is taken for, as a second writer reads it.
const COMMAND: &str = "run";

/// Makes the source anew for each run: secrets may have been changed, requests are counted by run, and a source whose
/// credentials were refused sends nothing any more.
pub type MakeSource = Arc<dyn Fn() -> Result<Arc<dyn Source>> + Send + Sync>;

/// Work that has no time of its own, such as a backfill.
#[async_trait]
pub trait Chores: Send + Sync {
    /// Does a piece of it.
    ///
    /// # Behavior
    /// - Ends within a minute or so, since a sync that is due waits for it, and at once on a stop.
    /// - Killed anywhere it is done again, or goes on, at the next call.
    async fn step(&self, engine: &Engine, writer: &Writer) -> Result<Chore>;
}

/// What came of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chore {
    Worked,
    Nothing,
    /// There is something, but not now.
    NotBefore(Timestamp),
}

/// Everything that the service does, under one lease.
pub struct Duty {
    engine: Engine,
    lease: Arc<dyn Lease>,
    make_source: MakeSource,
    chores: Arc<dyn Chores>,
    probe: Arc<Probe>,
    /// Whether the source was made: before the first run the engine has one that makes no requests.
    is_online: bool,
    /// `None` after something went wrong that may have cost us the lease: it is taken again before the next piece.
    writer: Option<Writer>,
}

impl Duty {
    /// Takes the lease; refused while somebody else writes.
    pub async fn begin(
        engine: Engine,
        lease: Arc<dyn Lease>,
        make_source: MakeSource,
        chores: Arc<dyn Chores>,
    ) -> Result<Self> {
        let writer = Writer::new(engine.stores.clock.as_ref(), lease.take(COMMAND).await?);
        let probe = Arc::new(Probe::new(&engine).await?);
        probe.look_at_destinations(&engine).await;
        Ok(Self { engine, lease, make_source, chores, probe, is_online: false, writer: Some(writer) })
    }

    /// What metrics and readiness are read from, beside any run.
    pub fn probe(&self) -> Arc<Probe> {
        self.probe.clone()
    }

    pub(super) fn stores(&self) -> &Stores {
        &self.engine.stores
    }

    async fn attempt(&mut self, kind: &str, options: SyncOptions) -> Past {
        let started_at = self.engine.stores.clock.now();
        tracing::info!(kind, "a run begins");
        let ended = self.run(&options).await;
        let ended_at = self.engine.stores.clock.now();
        let summary = match &ended {
            Ok(end) => of_end(end),
            Err(error) => of_failure(kind, error, started_at, ended_at),
        };
        if summary.trouble.iter().any(may_cost_the_lease) {
            self.writer = None;
        }
        if !self.engine.stores.stop.is_requested() {
            self.probe.look_at_destinations(&self.engine).await;
        }
        let past = Past { started_at, ended_at, verdict: verdict(&summary) };
        self.tell(summary);
        past
    }

    async fn run(&mut self, options: &SyncOptions) -> Result<RunEnd> {
        self.go_online()?;
        let writer = self.writer().await?;
        let ended = self.engine.sync(&writer, options).await;
        self.writer = Some(writer);
        ended
    }

    fn go_online(&mut self) -> Result<()> {
        self.engine.source = (self.make_source)()?;
        self.is_online = true;
        Ok(())
    }

    /// The writer under a new run id.
    async fn writer(&mut self) -> Result<Writer> {
        let clock = self.engine.stores.clock.clone();
        match self.writer.take() {
            Some(writer) => Ok(writer.again(clock.as_ref())),
            None => Ok(Writer::new(clock.as_ref(), self.lease.take(COMMAND).await?)),
        }
    }

    /// Watchers first: whoever reads of the end in the log finds it in metrics and readiness as well.
    fn tell(&self, summary: RunSummary) {
        self.probe.note(&summary);
        let summary = Arc::new(summary);
        self.engine.stores.observer.notice(Event::RunEnded { run: summary.clone() });
        let millis = (summary.ended_at - summary.started_at).num_milliseconds();
        let (run, kind, outcome) = (&summary.run_id, &summary.kind, summary.outcome.as_str());
        match summary.outcome {
            Outcome::Done | Outcome::Partial => {
                tracing::info!(run, kind, outcome, elapsed_ms = millis, "a run ended");
            }
            Outcome::Paused | Outcome::Failed => {
                let error = &summary.message;
                tracing::warn!(run, kind, outcome, elapsed_ms = millis, error, "a run ended");
            }
        }
    }
}

/// Trouble after which somebody else may be the writer.
fn may_cost_the_lease(kind: &Kind) -> bool {
    matches!(kind, Kind::Conflict | Kind::Storage)
}

#[async_trait]
impl Work for Duty {
    async fn sync(&mut self) -> Past {
        self.attempt("sync", SyncOptions::default()).await
    }

    async fn is_asked(&mut self) -> Result<bool> {
        Ok(!self.engine.stores.inbox.waiting(1).await?.is_empty())
    }

    async fn answer(&mut self) -> Past {
        self.attempt("on_demand", SyncOptions { on_demand: true, ..SyncOptions::default() }).await
    }

    async fn chore(&mut self) -> Result<Chore> {
        // A source whose credentials were refused stays until the next run: it sends nothing, again and again.
        if !self.is_online {
            self.go_online()?;
        }
        let writer = self.writer().await?;
        let done = self.chores.step(&self.engine, &writer).await;
        if !done.as_ref().is_err_and(|error| may_cost_the_lease(&error.kind())) {
            self.writer = Some(writer);
        }
        done
    }
}
