//! The stream `calls`: all of history once, then what changed, and recent calls again by their time.

use std::collections::HashSet;

use chrono::{SubsecRound as _, TimeDelta};
use clarion_core::{
    Kind, ListRequest, Listed, Purpose, Reason, RecordKey, Result, Slice, SourceRecord, Span, StreamName,
    Timestamp, Window, fault,
};

use crate::absent::Suspects;
use crate::engine::Engine;
use crate::listing::{CallSink, Publicity, public_ids};
use crate::recorder::Recorder;
use crate::tally::Tally;

/// The upper bound of the last proved forward pass.
pub(crate) const FORWARD: &str = "calls.forward";
/// When the last listing of all history began; the forward cursor once the first one is done.
pub(crate) const ANCHOR: &str = "calls.anchor";
/// When the last listing of all history that was proved to its end began.
pub(crate) const LISTED: &str = "calls.listed";
/// Where that listing starts.
const HISTORY_FROM: &str = "calls.history_from";

/// Rows after which a slice of history is proved and recorded: a killed run repeats one slice at most.
pub(crate) const HISTORY_SLICE: u64 = 5_000;
/// Recent calls are listed in one slice unless there are very many.
const RELIST_SLICE: u64 = 20_000;

/// One pass over the calls of a sync.
pub(crate) struct CallsPass<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) recorder: &'e mut Recorder,
    pub(crate) tally: &'e mut Tally,
    pub(crate) suspects: Suspects,
}

/// A run of by-time slices.
struct Sweep {
    from: Timestamp,
    slice: u64,
    purpose: Purpose,
    first: Reason,
    /// Remember each slice, and pass over what was proved since this moment: a run that ends early resumes behind it.
    since: Option<Timestamp>,
}

impl CallsPass<'_> {
    pub(crate) async fn run(mut self) -> Result<()> {
        self.suspects = Suspects::of_earlier_runs(self.engine).await?;
        if !self.recorder.has_history() {
            return self.history().await;
        }
        match self.forward().await {
            Err(error) if error.kind() == Kind::Unproven => self.tally.hole(&error),
            ended => ended?,
        }
        // A listing of all history shows the recent calls as well.
        let listed = if history_is_open(|name| self.recorder.cursor(name)) {
            match self.history().await {
                Err(error) if error.kind() == Kind::Quota => {
                    // What is left of the week may be kept for the forward sync: recent calls stay fresh.
                    self.tally.errors.push(error);
                    self.relist().await
                }
                ended => ended,
            }
        } else {
            self.relist().await
        };
        if listed.is_err() && fault::defect("pipeline.hole_is_proof") {
            let all = Span { from: Timestamp::UNIX_EPOCH, to: None };
            self.suspects.queue(self.engine, self.recorder, all, &HashSet::new()).await?;
        }
        self.suspects.report(self.engine, self.tally).await?;
        listed
    }

    /// Lists the moment in which a call now lies, so that `calls` shows it there. Returns the ids that are listed.
    pub(crate) async fn moment_of(&mut self, call: &SourceRecord) -> Result<HashSet<RecordKey>> {
        let tick = TimeDelta::milliseconds(1);
        let window = match (call.time, call.modified) {
            (Some(time), _) => {
                let from = time.trunc_subsecs(3);
                Window::ByTime { from, to: Some(from + tick) }
            }
            // Without a time it shows only where no time is asked for.
            (None, Some(at)) => Window::Modified { after: at - tick, before: at + tick },
            (None, None) => return Ok(HashSet::new()),
        };
        let listed = self.list(self.request(window, Purpose::Reread, 0), None, Reason::Ready).await?;
        Ok(listed.1)
    }

    /// Lists all of history by time, or the rest of it: what earlier runs proved since it began is passed over.
    async fn history(&mut self) -> Result<()> {
        let now = self.engine.stores.clock.now();
        let anchor = self.recorder.cursor(ANCHOR).unwrap_or(now);
        self.recorder.set_cursor(ANCHOR, anchor);
        if self.recorder.cursor(HISTORY_FROM).is_none() {
            self.recorder.set_cursor(HISTORY_FROM, self.engine.history_start);
        }
        let start = self.recorder.cursor(HISTORY_FROM).unwrap_or(now).min(self.engine.history_start);
        self.recorder.flush().await?;

        let is_first = !self.recorder.has_history();
        let purpose = if is_first { Purpose::Backfill } else { Purpose::Generation };
        let sweep = Sweep {
            from: start,
            slice: HISTORY_SLICE,
            purpose,
            first: Reason::Backfill,
            since: Some(anchor),
        };
        self.slices(sweep).await?;
        match self.without_time(anchor, start).await {
            // Every call that has a time was listed: what has none must not hold up what comes new.
            Err(error) if error.kind() == Kind::Unproven => self.tally.hole(&error),
            ended => ended?,
        }
        self.recorder.set_cursor(LISTED, anchor);
        self.recorder.set_cursor(FORWARD, anchor);
        self.recorder.flush().await
    }

    /// Where what was not proved since `anchor` begins, from `from` on; `None` if nothing of it is left.
    fn unproved(&self, anchor: Timestamp, from: Timestamp) -> Option<Timestamp> {
        let mut reached = from;
        let covers = |slice: &&Slice, at: Timestamp| {
            slice.proved_at >= anchor && slice.from <= at && slice.to.is_none_or(|to| to > at)
        };
        while let Some(slice) = self.recorder.slices().iter().find(|slice| covers(slice, reached)) {
            reached = slice.to?;
        }
        Some(reached)
    }

    /// Where, behind `from`, the next slice proved since `anchor` begins.
    fn next_proved(&self, anchor: Timestamp, from: Timestamp) -> Option<Timestamp> {
        let later =
            self.recorder.slices().iter().filter(|slice| slice.proved_at >= anchor && slice.from > from);
        later.map(|slice| slice.from).min()
    }

    /// Where what was proved since `anchor` begins: a slice of a backfill may reach over the start of history.
    fn proved_from(&self, anchor: Timestamp, start: Timestamp) -> Timestamp {
        let straddles = |slice: &&Slice| {
            slice.proved_at >= anchor && slice.from < start && slice.to.is_none_or(|to| to > start)
        };
        self.recorder.slices().iter().filter(straddles).map(|slice| slice.from).min().unwrap_or(start)
    }

    fn rows_proved(&self, anchor: Timestamp, from: Timestamp) -> u64 {
        let proved = |slice: &&Slice| slice.proved_at >= anchor && slice.from >= from;
        self.recorder.slices().iter().filter(proved).map(|slice| slice.rows).sum()
    }

    /// Calls without a time are invisible under any time bound: if there are more calls than those with one, they are
    /// looked for without a bound.
    async fn without_time(&mut self, anchor: Timestamp, start: Timestamp) -> Result<()> {
        let visibility = self.engine.visibility();
        let source = self.engine.source.clone();
        let count = async |window: Window| source.count(&window, visibility, Purpose::Backfill).await;
        let from = self.proved_from(anchor, start);
        let all = count(Window::Everything).await?;
        let before = count(Window::Before(from)).await?;
        if all <= self.rows_proved(anchor, from) + before {
            return Ok(());
        }
        // Slices that were proved a while ago may have got more calls since.
        let after = count(Window::ByTime { from, to: None }).await?;
        if all <= after + before {
            return Ok(());
        }
        let request = self.request(Window::Everything, Purpose::Backfill, 0);
        self.list(request, None, Reason::Backfill).await.map(|_| ())
    }

    /// What changed status since the last proved forward pass.
    async fn forward(&mut self) -> Result<()> {
        let before = self.engine.stores.clock.now();
        let cursor = self.recorder.cursor(FORWARD).unwrap_or(before);
        let after = cursor - self.engine.streams.calls.overlap.as_chrono();
        let request = self.request(Window::Modified { after, before }, Purpose::Forward, 0);
        self.list(request, None, Reason::Ready).await?;
        self.recorder.set_cursor(FORWARD, before);
        self.recorder.flush().await
    }

    /// Recent and coming calls once more, by call time: finds silent edits and changes of privacy.
    async fn relist(&mut self) -> Result<()> {
        let now = self.engine.stores.clock.now();
        let from = now - self.engine.streams.calls.relist.as_chrono();
        let (purpose, first) = (Purpose::Forward, Reason::Ready);
        self.slices(Sweep { from, slice: RELIST_SLICE, purpose, first, since: None }).await
    }

    /// Lists from `sweep.from` to the open end, slice by slice, the public ids of each slice first.
    async fn slices(&mut self, sweep: Sweep) -> Result<()> {
        let mut from = sweep.from;
        let mut hole = None;
        loop {
            let mut end = None;
            if let Some(anchor) = sweep.since {
                let Some(unproved) = self.unproved(anchor, from) else { break };
                from = unproved;
                end = self.next_proved(anchor, from);
            }
            let (publicity, to) = self
                .public_slice(self.request(Window::ByTime { from, to: end }, sweep.purpose, sweep.slice))
                .await?;
            let rows = if matches!(publicity, Publicity::AllPublic) { sweep.slice } else { 0 };
            let to = to.or(end);
            let request = self.request(Window::ByTime { from, to }, sweep.purpose, rows);
            let listed = match (self.list(request, Some(publicity), sweep.first).await, to) {
                // What lies behind a hole is listed all the same; the sweep stays unproved.
                (Err(error), Some(behind)) if error.kind() == Kind::Unproven => {
                    hole.replace(error).iter().for_each(|earlier| self.tally.hole(earlier));
                    self.recorder.flush().await?;
                    from = behind;
                    continue;
                }
                (Err(error), _) => {
                    hole.iter().for_each(|earlier| self.tally.hole(earlier));
                    return Err(error);
                }
                (Ok(listed), _) => listed,
            };
            let (listed, seen) = listed;
            let to = listed.covered_to.or(to);
            self.recorder.flush().await?;
            self.suspects.queue(self.engine, self.recorder, Span { from, to }, &seen).await?;
            if sweep.since.is_some() {
                let proved_at = self.engine.stores.clock.now();
                let stream = StreamName::CALLS;
                self.recorder.add_slice(Slice { stream, from, to, proved_at, rows: listed.seen });
            }
            self.recorder.flush().await?;
            match to {
                Some(to) => from = to,
                None => break,
            }
        }
        hole.map_or(Ok(()), Err)
    }

    async fn public_slice(&self, request: ListRequest) -> Result<(Publicity, Option<Timestamp>)> {
        if !self.engine.include_private {
            return Ok((Publicity::AllPublic, None));
        }
        let since = self.engine.stores.clock.now();
        let (public, to) = public_ids(self.engine.source.as_ref(), request).await?;
        Ok((Publicity::Listed { public, since }, to))
    }

    async fn list(
        &mut self,
        request: ListRequest,
        publicity: Option<Publicity>,
        first: Reason,
    ) -> Result<(Listed, HashSet<RecordKey>)> {
        let publicity = publicity.unwrap_or_else(|| self.publicity_on_demand(&request));
        let source = self.engine.source.clone();
        let mut sink = CallSink {
            recorder: self.recorder,
            tally: self.tally,
            publicity,
            seen: HashSet::new(),
            first,
            suspects: &mut self.suspects,
        };
        let listed = source.list(request, &mut sink).await?;
        Ok((listed, sink.seen))
    }

    fn publicity_on_demand(&self, request: &ListRequest) -> Publicity {
        if self.engine.include_private {
            Publicity::OnDemand { source: self.engine.source.clone(), request: request.clone() }
        } else {
            Publicity::AllPublic
        }
    }

    fn request(&self, window: Window, purpose: Purpose, max_rows: u64) -> ListRequest {
        ListRequest { window, visibility: self.engine.visibility(), purpose, max_rows }
    }
}

/// Whether a listing of all history began and was not proved to its end, by the cursors.
pub(crate) fn history_is_open(cursor: impl Fn(&str) -> Option<Timestamp>) -> bool {
    let listed = cursor(LISTED).or_else(|| cursor(FORWARD));
    cursor(ANCHOR).is_some_and(|begun| listed.is_none_or(|listed| listed < begun))
}
