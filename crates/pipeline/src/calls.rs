//! The stream `calls`: all of history once, then what changed, and recent calls again by their time.

use std::collections::HashSet;

use clarion_core::{
    Kind, ListRequest, Purpose, Reason, Result, Slice, StreamName, Timestamp, Visibility, Window,
};

use crate::engine::Engine;
use crate::listing::{CallSink, Publicity, public_ids};
use crate::recorder::Recorder;
use crate::tally::Tally;

/// The upper bound of the last proved forward pass.
pub(crate) const FORWARD: &str = "calls.forward";
/// When the listing of all history under way began; the forward cursor once it is done.
const ANCHOR: &str = "calls.anchor";
/// Where that listing starts.
const HISTORY_FROM: &str = "calls.history_from";

/// Rows after which a slice of history is proved and recorded: a killed run repeats one slice at most.
const HISTORY_SLICE: u64 = 5_000;
/// Recent calls are listed in one slice unless there are very many.
const RELIST_SLICE: u64 = 20_000;

/// One pass over the calls of a sync.
pub(crate) struct CallsPass<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) recorder: &'e mut Recorder,
    pub(crate) tally: &'e mut Tally,
    pub(crate) full: bool,
}

/// A run of by-time slices.
struct Span {
    from: Timestamp,
    slice: u64,
    purpose: Purpose,
    first: Reason,
    /// Remember each slice, so that a killed run resumes behind it.
    keep: bool,
}

impl CallsPass<'_> {
    pub(crate) async fn run(mut self) -> Result<()> {
        if self.full || self.recorder.cursor(FORWARD).is_none() {
            return self.history().await;
        }
        match self.forward().await {
            Err(error) if error.kind() == Kind::Unproven => self.tally.hole(&error),
            ended => ended?,
        }
        self.relist().await
    }

    /// Lists all of history by time. Resumes behind the slices that an earlier run proved.
    async fn history(&mut self) -> Result<()> {
        let now = self.engine.stores.clock.now();
        let resumed = self.recorder.cursor(FORWARD).is_none().then(|| self.recorder.cursor(ANCHOR)).flatten();
        let anchor = resumed.unwrap_or(now);
        self.recorder.set_cursor(ANCHOR, anchor);
        if self.recorder.cursor(HISTORY_FROM).is_none() {
            self.recorder.set_cursor(HISTORY_FROM, self.engine.history_start);
        }
        let start = self.recorder.cursor(HISTORY_FROM).unwrap_or(now).min(self.engine.history_start);
        self.recorder.flush().await?;

        let resume_at = self.proved_since(anchor, start);
        let purpose = if self.full { Purpose::Generation } else { Purpose::Backfill };
        let span =
            Span { from: resume_at, slice: HISTORY_SLICE, purpose, first: Reason::Backfill, keep: true };
        let seen = self.slices(span).await?;
        let before: u64 = self
            .recorder
            .slices()
            .iter()
            .filter(|s| s.proved_at >= anchor && s.to.is_some_and(|to| to <= resume_at))
            .map(|s| s.rows)
            .sum();
        match self.without_time(start, seen + before).await {
            // Every call that has a time was listed: what has none must not hold up what comes new.
            Err(error) if error.kind() == Kind::Unproven => self.tally.hole(&error),
            ended => ended?,
        }
        self.recorder.set_cursor(FORWARD, anchor);
        self.recorder.flush().await
    }

    /// Where the slices proved since `anchor` end.
    fn proved_since(&self, anchor: Timestamp, start: Timestamp) -> Timestamp {
        let mut reached = start;
        for slice in self.recorder.slices() {
            if slice.proved_at >= anchor && slice.from <= reached {
                reached = slice.to.map_or(reached, |to| to.max(reached));
            }
        }
        reached
    }

    /// Calls without a time are invisible under any time bound: if there are more calls than the listing by time
    /// has seen, they are looked for without one.
    async fn without_time(&mut self, start: Timestamp, seen: u64) -> Result<()> {
        let visibility = self.visibility();
        let source = &self.engine.source;
        let all = source.count(&Window::Everything, visibility, Purpose::Backfill).await?;
        let before = source.count(&Window::Before(start), visibility, Purpose::Backfill).await?;
        if all <= seen + before {
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
        let span =
            Span { from, slice: RELIST_SLICE, purpose: Purpose::Forward, first: Reason::Ready, keep: false };
        self.slices(span).await.map(|_| ())
    }

    /// Lists from `span.from` to the open end, slice by slice, the public ids of each slice first.
    async fn slices(&mut self, span: Span) -> Result<u64> {
        let (mut from, mut seen) = (span.from, 0);
        let mut hole = None;
        loop {
            let window = |to| Window::ByTime { from, to };
            let (publicity, to) =
                self.public_slice(self.request(window(None), span.purpose, span.slice)).await?;
            let rows = if matches!(publicity, Publicity::AllPublic) { span.slice } else { 0 };
            let listed =
                self.list(self.request(window(to), span.purpose, rows), Some(publicity), span.first).await;
            let listed = match (listed, to) {
                // What lies behind a hole is listed all the same; the span stays unproved.
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
            let to = listed.covered_to.or(to);
            seen += listed.seen;
            if span.keep {
                let proved_at = self.engine.stores.clock.now();
                self.recorder.add_slice(Slice {
                    stream: StreamName::CALLS,
                    from,
                    to,
                    proved_at,
                    rows: listed.seen,
                });
            }
            self.recorder.flush().await?;
            match to {
                Some(to) => from = to,
                None => return hole.map_or(Ok(seen), Err),
            }
        }
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
    ) -> Result<clarion_core::Listed> {
        let publicity = publicity.unwrap_or_else(|| self.publicity_on_demand(&request));
        let source = self.engine.source.clone();
        let mut sink =
            CallSink { recorder: self.recorder, tally: self.tally, publicity, seen: HashSet::new(), first };
        source.list(request, &mut sink).await
    }

    fn publicity_on_demand(&self, request: &ListRequest) -> Publicity {
        if self.engine.include_private {
            Publicity::OnDemand { source: self.engine.source.clone(), request: request.clone() }
        } else {
            Publicity::AllPublic
        }
    }

    fn request(&self, window: Window, purpose: Purpose, max_rows: u64) -> ListRequest {
        ListRequest { window, visibility: self.visibility(), purpose, max_rows }
    }

    fn visibility(&self) -> Visibility {
        if self.engine.include_private { Visibility::All } else { Visibility::PublicOnly }
    }
}
