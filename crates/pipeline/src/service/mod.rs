//! The service: syncs when they are due, fetches what is asked for, works on chores in between. Never two at once.

mod duty;
mod probe;
mod summary;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clarion_core::{Clock, Result, Stop, Timestamp, fault, format_timestamp};
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::schedule::{Past, Schedule, Timetable, Verdict, retry_after};
pub use duty::{Chore, Chores, Duty, MakeSource};
pub use probe::Probe;

/// The wall clock may be set while we sleep, and somebody may leave a backfill: both are looked at this often.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);
/// After work between the syncs failed, it is left alone for this long.
const PAUSE_AFTER_FAILURE: chrono::Duration = chrono::Duration::minutes(1);

/// What was asked for within this time is fetched together: each run costs a segment and a load of every destination.
const GATHER: chrono::Duration = chrono::Duration::seconds(5);

/// What the service does; [`Duty`] in the product.
#[async_trait]
pub(crate) trait Work: Send {
    /// A whole run. Its failure is told to whoever watches, and is no failure of the service.
    async fn sync(&mut self) -> Past;

    /// Whether somebody asked for a call that is not queued yet.
    async fn is_asked(&mut self) -> Result<bool>;

    /// Fetches what was asked for.
    async fn answer(&mut self) -> Past;

    /// A piece of other work, of at most a minute or so.
    async fn chore(&mut self) -> Result<Chore>;
}

/// Does the work at its time until it is asked to stop.
pub struct Service {
    pub(crate) timetable: Timetable,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) stop: Stop,
    /// Notified when something was asked for.
    pub(crate) wake: Arc<Notify>,
    /// Before these moments the work between syncs is left alone.
    ask_again: Timestamp,
    chores_again: Timestamp,
    /// In a row.
    chore_failures: u32,
}

impl Service {
    /// The service as the last sync left things.
    pub async fn resume(schedule: Schedule, duty: &Duty, wake: Arc<Notify>) -> Result<Self> {
        let stores = duty.stores();
        let last = stores.state.syncs(1).await?.pop();
        let timetable = Timetable::resume(schedule, last.as_ref(), stores.clock.now());
        Ok(Self::new(timetable, stores.clock.clone(), stores.stop.clone(), wake))
    }

    pub(crate) fn new(timetable: Timetable, clock: Arc<dyn Clock>, stop: Stop, wake: Arc<Notify>) -> Self {
        let (ask_again, chores_again) = (Timestamp::MIN_UTC, Timestamp::MIN_UTC);
        Self { timetable, clock, stop, wake, ask_again, chores_again, chore_failures: 0 }
    }

    /// Works until a stop is requested; what is in hand then is finished first.
    pub async fn run(mut self, mut duty: Duty) {
        self.work(&mut duty).await;
    }

    async fn work(&mut self, work: &mut impl Work) {
        while !self.stop.is_requested() {
            if !self.step(work).await {
                self.wait().await;
            }
        }
    }

    /// The most urgent piece of work; false if there is none.
    async fn step(&mut self, work: &mut impl Work) -> bool {
        let now = self.clock.now();
        self.timetable.look(now);
        if now >= self.timetable.due() {
            let past = work.sync().await;
            if fault::defect("service.forgets_the_run") {
                return true;
            }
            self.timetable.ended(past);
            tracing::info!(due = %format_timestamp(self.timetable.due()), "the next sync is planned");
            // A sync queues and fetches what was asked for as well.
            return true;
        }
        if now >= self.ask_again && self.asked(work).await {
            let well = work.answer().await.verdict == Verdict::Fine;
            self.ask_again = self.clock.now() + if well { GATHER } else { PAUSE_AFTER_FAILURE };
            return true;
        }
        now >= self.chores_again && self.chore(work).await
    }

    async fn asked(&mut self, work: &mut impl Work) -> bool {
        work.is_asked().await.unwrap_or_else(|error| {
            tracing::warn!(error = %error.chain(), "the inbox cannot be read");
            self.ask_again = self.clock.now() + PAUSE_AFTER_FAILURE;
            false
        })
    }

    async fn chore(&mut self, work: &mut impl Work) -> bool {
        match work.chore().await {
            Ok(Chore::Worked) => {
                self.chore_failures = 0;
                true
            }
            Ok(Chore::Nothing) => false,
            Ok(Chore::NotBefore(at)) => {
                self.chores_again = at;
                false
            }
            Err(error) => {
                tracing::warn!(error = %error.chain(), "work between the syncs failed");
                self.chore_failures += 1;
                self.chores_again = self.clock.now() + retry_after(self.chore_failures);
                false
            }
        }
    }

    /// Until the next sync is due, something is asked for, or a stop is requested.
    async fn wait(&self) {
        let now = self.clock.now();
        let moments = [self.timetable.due(), self.ask_again, self.chores_again];
        let next = moments.into_iter().filter(|moment| *moment > now).min();
        let rest = next.and_then(|next| (next - now).to_std().ok()).unwrap_or(LONGEST_SLEEP);
        let rest = async {
            tokio::select! {
                () = sleep(rest.min(LONGEST_SLEEP)) => {}
                () = self.wake.notified() => {}
            }
            Ok(())
        };
        // Interrupted or not: the loop looks at the stop itself.
        let _ = self.stop.or(rest).await;
    }
}

#[cfg(test)]
mod tests;
