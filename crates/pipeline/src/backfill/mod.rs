//! Historical loads: newest first, slice by slice, across weeks; killed anywhere, a run goes on where it was.
//!
//! Invariant: the forward cursor is never touched. On an empty state a backfill only says from when on the first sync
//! has to look for changes.

mod chore;
mod page;
mod span;

use chrono::SubsecRound as _;
use clarion_core::{
    Backfill, Error, Kind, ListRequest, Purpose, Reason, Result, Slice, SliceInHand, Span, StreamName,
    Timestamp, Window, fault, parse_date_or_age,
};

pub use self::chore::Backfills;
pub(crate) use self::span::{Bounded, gaps};
use crate::absent::Suspects;
use crate::calls;
use crate::details::DetailsPass;
use crate::engine::Engine;
use crate::generation::Share;
use crate::listing::Phase;
use crate::recorder::Recorder;
use crate::tally::Tally;
use crate::tombstones::Guard;
use page::PageWork;

/// Calls of a slice: cutting and proving one costs three requests.
pub(crate) const SLICE: u64 = 1_000;

/// How much is done in one go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portion {
    /// Calls of a slice.
    slice: u64,
    /// Calls after which the next slice waits: for a load, or for a sync that may be due.
    round: u64,
    /// Details that an earlier run left, fetched before any listing; all of them if `None`.
    queued: Option<u32>,
}

impl Portion {
    /// What comes is loaded now and then.
    pub(crate) const ROUND: Self = Self { slice: SLICE, round: 20_000, queued: None };
    /// A slice of less than a minute at the vendor's pace.
    pub(crate) const PIECE: Self = Self { slice: 300, round: 1, queued: Some(300) };
}

/// What is to be loaded. Asking for the same span again goes on with it.
#[derive(Debug, Clone)]
pub struct BackfillOptions {
    /// The span in the user's words.
    pub id: String,
    pub from: Timestamp,
    /// Until now if `None`.
    pub to: Option<Timestamp>,
}

impl BackfillOptions {
    /// Reads dates or ages; `Err` names the one that is neither.
    pub fn parse<'t>(from: &'t str, to: Option<&'t str>, now: Timestamp) -> Result<Self, &'t str> {
        let read = |text: &'t str| parse_date_or_age(text, now).ok_or(text);
        let id = format!("{}..{}", from.trim(), to.unwrap_or_default().trim());
        Ok(Self { id, from: read(from)?, to: to.map(read).transpose()? })
    }

    /// Refuses a span that holds nothing.
    pub fn check(&self, now: Timestamp) -> Result<()> {
        let to = self.to.unwrap_or(now);
        if self.from < to {
            return Ok(());
        }
        let error = Error::new(Kind::Config, "a backfill ends before it begins");
        Err(error.with("from", self.from).with("to", to).hint("--from is the older one of the two"))
    }

    /// The rest of a job.
    pub fn rest_of(job: &Backfill) -> Self {
        Self { id: job.id.clone(), from: job.from, to: Some(job.to) }
    }
}

/// Whether a round of work was the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    More,
    Last,
}

/// Works on one job.
pub(crate) struct Worker<'e> {
    engine: &'e Engine,
    recorder: &'e mut Recorder,
    tally: &'e mut Tally,
    job: Backfill,
    /// Requests of this process that the job does not count yet.
    uncounted_from: u64,
    /// Spans that could not be proved since they were last tried: whoever works on the job keeps them.
    holes: &'e mut Vec<Slice>,
    portion: Portion,
    /// Calls that are known and not listed: the next sync asks for them.
    suspects: Suspects,
}

impl<'e> Worker<'e> {
    pub(crate) async fn of(
        engine: &'e Engine,
        recorder: &'e mut Recorder,
        tally: &'e mut Tally,
        options: &BackfillOptions,
        holes: &'e mut Vec<Slice>,
    ) -> Result<Self> {
        // As the state store keeps it: a job that is resumed asks for the same span.
        let now = engine.stores.clock.now().trunc_subsecs(3);
        options.check(now)?;
        let open = |job: &&Backfill| job.id == options.id && job.ended_at.is_none();
        let known = recorder.backfills().iter().find(open).cloned();
        let job = known.unwrap_or_else(|| Backfill::new(options.id.clone(), options.from, options.to, now));
        let uncounted_from = engine.source.usage().total;
        let suspects = Suspects::of_earlier_runs(engine).await?;
        Ok(Self { engine, recorder, tally, job, uncounted_from, holes, portion: Portion::ROUND, suspects })
    }

    pub(crate) fn portioned(self, portion: Portion) -> Self {
        Self { portion, ..self }
    }

    /// Lists and fetches until all is done or enough has come for a load.
    pub(crate) async fn round(mut self) -> Result<Round> {
        self.begin().await?;
        if self.queued_before().await? {
            return Ok(Round::More);
        }
        let observer = self.engine.stores.observer.clone();
        let left = self.job.expected.saturating_sub(self.job.listed);
        let _calls = Phase::begin(observer.as_ref(), StreamName::CALLS, Some(left));
        let enough = self.job.listed + self.portion.round;
        while self.job.listed < enough {
            self.prove_what_was_in_hand().await?;
            let Some(gap) = self.gaps().first().copied() else {
                return self.end().await;
            };
            match self.cut(gap).await? {
                (empty, 0) => self.proved(empty, 0),
                (slice, _) => self.list(slice).await?,
            }
        }
        Ok(Round::More)
    }

    /// Counts what is to come and says from when on the forward sync has to look, both once.
    async fn begin(&mut self) -> Result<()> {
        if self.job.is_begun() {
            return Ok(());
        }
        for gap in self.gaps() {
            self.job.expected += self.count(gap).await?;
        }
        let estimate = self.engine.estimate(self.job.expected).await?;
        self.job.planned = estimate.requests().max(1);
        if !self.recorder.has_history() && self.recorder.cursor(calls::ANCHOR).is_none() {
            self.recorder.set_cursor(calls::ANCHOR, self.job.begun_at);
        }
        self.save().await
    }

    /// Details that an earlier run listed and could not fetch any more. True if that was enough for this time.
    async fn queued_before(&mut self) -> Result<bool> {
        if !self.engine.streams.call_details.enabled {
            return Ok(false);
        }
        let (share, now) = (Share::nothing(), self.engine.stores.clock.now());
        let Self { engine, recorder, tally, .. } = self;
        let state = engine.stores.state.clone();
        let guard = Guard::shut(StreamName::CALLS);
        let mut details = DetailsPass::new(engine, recorder, tally, share, guard);
        let Some(most) = self.portion.queued else {
            details.run().await?;
            return self.save().await.map(|()| false);
        };
        let mut due = state.due(now, None, most).await?;
        due.retain(|entry| entry.reason <= Reason::Backfill && entry.reason != Reason::Missing);
        let is_enough = !due.is_empty();
        details.batch(due).await?;
        self.save().await.map(|()| is_enough)
    }

    fn gaps(&self) -> Vec<Bounded> {
        let span = Bounded { from: self.job.from, to: self.job.to };
        gaps(span, self.recorder.slices().iter().chain(&*self.holes))
    }

    /// A slice that a killed run left: what it listed is proved by itself, the rest is the next gap.
    async fn prove_what_was_in_hand(&mut self) -> Result<()> {
        let Some(hand) = self.job.in_hand.take() else { return Ok(()) };
        if fault::defect("backfill.forget_hand") {
            return self.save().await;
        }
        let listed = Bounded { from: hand.from, to: hand.listed_to };
        if listed.from < listed.to && self.count(listed).await? <= hand.rows {
            self.proved(listed, hand.rows);
        }
        self.save().await
    }

    /// The newest part of a gap that is small enough for a slice, with its calls.
    async fn cut(&self, gap: Bounded) -> Result<(Bounded, u64)> {
        let mut part = gap;
        loop {
            let matched = self.count(part).await?;
            if matched <= 2 * self.portion.slice || part.is_instant() {
                return Ok((part, matched));
            }
            part = part.newest(matched, self.portion.slice);
        }
    }

    async fn list(&mut self, slice: Bounded) -> Result<()> {
        let hand = SliceInHand { from: slice.from, to: slice.to, listed_to: slice.from, rows: 0 };
        let request = ListRequest {
            window: Window::ByTime { from: slice.from, to: Some(slice.to) },
            visibility: self.engine.visibility(),
            purpose: Purpose::Backfill,
            max_rows: 0,
        };
        let source = self.engine.source.clone();
        let mut work = PageWork::new(self, hand);
        let listed = source.list(request, &mut work).await;
        let seen = work.into_seen();
        match listed {
            Ok(listed) => {
                let span = Span { from: slice.from, to: Some(slice.to) };
                self.suspects.queue(self.engine, self.recorder, span, &seen).await?;
                self.proved(slice, listed.seen);
            }
            Err(error) if error.kind() == Kind::Unproven => {
                self.tally.hole(&error);
                self.holes.push(self.slice(slice, 0));
            }
            Err(error) => return Err(error),
        }
        self.job.in_hand = None;
        self.save().await
    }

    fn proved(&mut self, span: Bounded, rows: u64) {
        let slice = self.slice(span, rows);
        self.recorder.add_slice(slice);
    }

    fn slice(&self, span: Bounded, rows: u64) -> Slice {
        let proved_at = self.engine.stores.clock.now();
        Slice { stream: StreamName::CALLS, from: span.from, to: Some(span.to), proved_at, rows }
    }

    /// A job with a hole stays open: running it again tries the hole again.
    async fn end(mut self) -> Result<Round> {
        if self.holes.is_empty() {
            self.job.ended_at = Some(self.engine.stores.clock.now());
        }
        self.save().await?;
        Ok(Round::Last)
    }

    /// Makes the job as it is, and everything before it, durable.
    async fn save(&mut self) -> Result<()> {
        let total = self.engine.source.usage().total;
        self.job.spent += total.saturating_sub(self.uncounted_from);
        self.uncounted_from = total;
        self.recorder.set_backfill(&self.job);
        self.recorder.flush().await?;
        fault::point("backfill.saved");
        Ok(())
    }

    async fn count(&self, span: Bounded) -> Result<u64> {
        let window = Window::ByTime { from: span.from, to: Some(span.to) };
        self.engine.source.count(&window, self.engine.visibility(), Purpose::Backfill).await
    }
}
