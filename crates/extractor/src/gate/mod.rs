//! The one gate: ledger, then pace, then the shared pause. Every request passes it, retries included.
//!
//! Order matters: a permit is taken and paced first and the pause is looked at last, so that a worker that was
//! already through the ledger when the vendor refused another one still waits with all the others.

mod books;
mod hold;
mod pace;

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use clarion_core::{Clock, Event, Ledger, Observer, Purpose, Result, StreamName, week_start};
use tokio::time::{sleep, sleep_until};

use self::books::Books;
use self::hold::{Hold, Shut};
use self::pace::Pace;
use crate::settings::SourceSettings;

/// Clocks differ: so long before and after the week's end nothing is sent, since nobody knows in which week the vendor
/// would count it.
const AROUND_WEEKS_END: TimeDelta = TimeDelta::seconds(2);

/// The most that is asked of another host than the vendor's in a second: its limits are not known.
const ABROAD_PER_SECOND: f64 = 2.0;

pub(crate) struct Gate {
    /// `None` to another host: what is sent there is not the vendor's to count.
    books: Option<Arc<Books>>,
    pace: Option<Pace>,
    hold: Hold,
    clock: Arc<dyn Clock>,
    observer: Arc<dyn Observer>,
}

impl Gate {
    pub(crate) fn new(
        settings: &SourceSettings,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let books = Arc::new(Books::new(settings, ledger, Arc::clone(&clock)));
        let pace = Pace::of(settings.requests_per_second);
        Self { books: Some(books), pace, hold: Hold::default(), clock, observer }
    }

    /// To hosts that are not the vendor's: a pace of their own, and no ledger.
    pub(crate) fn abroad(
        settings: &SourceSettings,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let pace = Pace::of(settings.requests_per_second.min(ABROAD_PER_SECOND));
        Self { books: None, pace, hold: Hold::default(), clock, observer }
    }

    /// Returns when one request may leave, and has booked it.
    ///
    /// # Behavior
    /// - `Quota` when the week's requests are spent, `Credentials` once the vendor refused them, `Interrupted` once
    ///   the run was asked to stop.
    /// - A permit whose week ended while it waited is left to that week, and another one is taken: the ledger is
    ///   never below the vendor's count. Around the week's end nothing leaves at all.
    pub(crate) async fn pass(&self, stream: &StreamName, purpose: Purpose) -> Result<()> {
        let Some(books) = &self.books else {
            return self.through().await;
        };
        loop {
            self.hold.wait().await?;
            let permit = books.permit(stream, purpose).await?;
            if let Some(slot) = permit.slot {
                self.hold.unless_shut(sleep_until(slot)).await?;
            }
            self.past_the_weeks_end().await?;
            self.through().await?;
            if week_start(self.clock.now()) <= permit.week_start {
                return Ok(());
            }
        }
    }

    async fn through(&self) -> Result<()> {
        match &self.pace {
            Some(pace) => self.paced(pace).await,
            None => self.hold.wait().await,
        }
    }

    async fn past_the_weeks_end(&self) -> Result<()> {
        let now = self.clock.now();
        let nearest = week_start(now + AROUND_WEEKS_END);
        let wait = nearest + AROUND_WEEKS_END - now;
        if wait <= TimeDelta::zero() || wait > AROUND_WEEKS_END * 2 {
            return Ok(());
        }
        self.rest(wait.to_std().unwrap_or_default()).await
    }

    /// After a pause everybody is let through again one by one.
    async fn paced(&self, pace: &Pace) -> Result<()> {
        loop {
            self.hold.wait().await?;
            self.hold.unless_shut(pace.turn()).await?;
            if self.hold.is_open() {
                return Ok(());
            }
        }
    }

    /// Keeps everybody from sending for `wait` from now.
    pub(crate) fn pause(&self, wait: Duration) {
        let added = self.hold.pause(wait);
        if !added.is_zero() {
            let millis = u64::try_from(added.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(wait_ms = millis, "the vendor refused for its rate, all workers wait");
            self.observer.notice(Event::Waiting { millis });
        }
    }

    /// Lets nothing leave any more: the vendor refused the credentials.
    pub(crate) fn shut(&self) {
        self.hold.shut(Shut::Refused);
    }

    /// Lets nothing leave any more: the run was asked to stop.
    pub(crate) fn halt(&self) {
        self.hold.shut(Shut::Halted);
    }

    /// Sleeps between two sends of one request; an error once the gate is shut.
    pub(crate) async fn rest(&self, wait: Duration) -> Result<()> {
        self.hold.unless_shut(sleep(wait)).await
    }

    /// Books what was sent and gives the rest of the block back.
    pub(crate) async fn settle(&self) -> Result<()> {
        match &self.books {
            Some(books) => books.settle().await,
            None => Ok(()),
        }
    }
}
