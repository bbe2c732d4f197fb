//! Backfills as the service's work between the syncs.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use chrono::Duration;
use clarion_core::{Backfill, Kind, Progress, Result, Slice};

use super::{BackfillOptions, Portion, Round};
use crate::engine::{Engine, Writer};
use crate::service::{Chore, Chores};

/// Out of quota, or with nothing but holes left, a backfill is looked at again after this long: what is kept for the
/// forward sync shrinks as the week goes on.
const LOOK_AGAIN: Duration = Duration::hours(1);

/// Works on the oldest backfill that has not ended, a slice at a time. What it fetches is loaded by the next sync.
#[derive(Debug, Default)]
pub struct Backfills {
    /// Of the job in hand, passed over until everything else of it was tried.
    holes: Mutex<Holes>,
}

#[derive(Debug, Default)]
struct Holes {
    job: String,
    spans: Vec<Slice>,
}

#[async_trait]
impl Chores for Backfills {
    async fn step(&self, engine: &Engine, writer: &Writer) -> Result<Chore> {
        let jobs = engine.stores.state.backfills().await?;
        let Some(job) = jobs.iter().find(|job| job.ended_at.is_none()) else {
            return Ok(Chore::Nothing);
        };
        let options = BackfillOptions::rest_of(job);
        if let Err(error) = options.check(engine.stores.clock.now()) {
            tracing::error!(error = %error.chain(), span = job.id, "a backfill cannot be carried out");
            return end(engine, writer, job).await.map(|()| Chore::Worked);
        }
        let mut holes = self.holes_of(job);
        let round = engine.backfill_piece(writer, &options, Portion::PIECE, &mut holes).await;
        self.keep(job, holes);
        let later = engine.stores.clock.now() + LOOK_AGAIN;
        match round {
            Ok(Round::More) => Ok(Chore::Worked),
            Ok(Round::Last) => self.ended(engine, job).await,
            Err(error) if error.kind() == Kind::Quota => {
                let week = engine.stores.ledger.week(engine.stores.clock.now()).await?;
                Ok(Chore::NotBefore(later.min(week.resumes_at)))
            }
            Err(error) if error.kind() == Kind::Interrupted => Ok(Chore::Nothing),
            Err(error) => Err(error),
        }
    }
}

impl Backfills {
    /// A job that came to its end with a hole stays open: it is tried again, but not at once.
    async fn ended(&self, engine: &Engine, job: &Backfill) -> Result<Chore> {
        self.keep(job, Vec::new());
        let jobs = engine.stores.state.backfills().await?;
        let is_open = jobs.iter().any(|other| other.id == job.id && other.ended_at.is_none());
        let later = engine.stores.clock.now() + LOOK_AGAIN;
        Ok(if is_open { Chore::NotBefore(later) } else { Chore::Worked })
    }

    fn holes_of(&self, job: &Backfill) -> Vec<Slice> {
        let holes = self.holes.lock().unwrap_or_else(PoisonError::into_inner);
        if holes.job == job.id { holes.spans.clone() } else { Vec::new() }
    }

    fn keep(&self, job: &Backfill, spans: Vec<Slice>) {
        *self.holes.lock().unwrap_or_else(PoisonError::into_inner) = Holes { job: job.id.clone(), spans };
    }
}

/// So that a job that can never be done does not stand in the way of the others.
async fn end(engine: &Engine, writer: &Writer, job: &Backfill) -> Result<()> {
    let ended = Backfill { ended_at: Some(engine.stores.clock.now()), ..job.clone() };
    let progress = Progress { backfills: vec![ended], ..Progress::default() };
    engine.stores.state.commit(writer.fence, progress).await
}
