//! Backfills as the service's work between the syncs.

use async_trait::async_trait;
use clarion_core::{Backfill, Kind, Result};

use super::{BackfillOptions, Portion, Round};
use crate::engine::{Engine, Writer};
use crate::service::{Chore, Chores};

/// Works on the oldest backfill that has not ended, a slice at a time. What it fetches is loaded by the next sync.
#[derive(Debug, Clone, Copy, Default)]
pub struct Backfills;

#[async_trait]
impl Chores for Backfills {
    async fn step(&self, engine: &Engine, writer: &Writer) -> Result<Chore> {
        let jobs = engine.stores.state.backfills().await?;
        let Some(job) = jobs.iter().find(|job| job.ended_at.is_none()) else {
            return Ok(Chore::Nothing);
        };
        match engine.backfill_piece(writer, &BackfillOptions::rest_of(job), Portion::PIECE).await {
            Ok(Round::More) => Ok(Chore::Worked),
            Ok(Round::Last) => ended(engine, job).await,
            Err(error) if error.kind() == Kind::Quota => {
                let week = engine.stores.ledger.week(engine.stores.clock.now()).await?;
                Ok(Chore::NotBefore(week.resumes_at))
            }
            Err(error) if error.kind() == Kind::Interrupted => Ok(Chore::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// A job that came to its end with a hole stays open: it is tried again, but not at once.
async fn ended(engine: &Engine, job: &Backfill) -> Result<Chore> {
    let jobs = engine.stores.state.backfills().await?;
    let is_open = jobs.iter().any(|other| other.id == job.id && other.ended_at.is_none());
    let again = engine.stores.clock.now() + chrono::Duration::hours(1);
    Ok(if is_open { Chore::NotBefore(again) } else { Chore::Worked })
}
