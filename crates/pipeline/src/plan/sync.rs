//! What the next sync would fetch: what changed, recent calls, and the generation's part.

use std::collections::BTreeMap;

use clarion_core::{Purpose, Reason, Result, Span, StreamName, Timestamp, Window};

use super::{PAGE, PlanLine, Sizes, line};
use crate::calls::{ANCHOR, FORWARD, HISTORY_SLICE, history_is_open};
use crate::details::purpose;
use crate::engine::Engine;
use crate::generation::{self, Share, Turn};

/// Counts that look for calls without a time once all others are listed.
const TIMELESS: u64 = 2;
/// Calls looked at in one step.
const STEP: u32 = 1_000;

impl Engine {
    pub(super) async fn sync_lines(&self, sizes: &Sizes) -> Result<Vec<PlanLine>> {
        let now = self.stores.clock.now();
        let outlook = Outlook::of(self, now).await?;
        let cursor = outlook.cursors.get(FORWARD).copied().unwrap_or(now);
        let window = Window::Modified { after: cursor - self.streams.calls.overlap.as_chrono(), before: now };
        let changed = self.source.count(&window, self.visibility(), Purpose::Forward).await?;
        let calls =
            |purpose, listing, rows| line(StreamName::CALLS, purpose, listing, rows, rows * sizes.call);
        let passes = 1 + u64::from(self.include_private);
        let mut lines = Vec::new();
        match outlook.history {
            // A listing of all history shows the recent calls as well.
            Some(rest) => {
                lines.push(calls(Purpose::Forward, pass(changed), changed));
                lines.push(calls(Purpose::Generation, slices(rest) * passes, rest));
                lines.push(calls(Purpose::Backfill, TIMELESS, 0));
            }
            None => {
                let recent = self.known_since(now - self.streams.calls.relist.as_chrono()).await?;
                let listing = pass(changed) + pass(recent) * passes;
                lines.push(calls(Purpose::Forward, listing, changed + recent));
            }
        }
        lines.push(line(StreamName::CALL_DETAILS, Purpose::Ready, changed, changed, changed * sizes.details));
        for (reason, requests) in outlook.details(self.queued().await?) {
            lines.push(line(
                StreamName::CALL_DETAILS,
                purpose(reason),
                requests,
                requests,
                requests * sizes.details,
            ));
        }
        Ok(lines)
    }

    /// Known calls that a listing of all history which began at `anchor` has not shown yet.
    async fn history_left(&self, anchor: Timestamp) -> Result<u64> {
        let slices = self.stores.state.slices(&StreamName::CALLS).await?;
        let shown: u64 =
            slices.iter().filter(|slice| slice.proved_at >= anchor).map(|slice| slice.rows).sum();
        Ok(self.stores.state.count_known(&StreamName::CALLS).await?.saturating_sub(shown))
    }

    async fn known_since(&self, from: Timestamp) -> Result<u64> {
        let (mut count, mut after) = (0, None);
        loop {
            let span = Span { from, to: None };
            let page = self.stores.state.known_in(&StreamName::CALLS, span, after.as_ref(), STEP).await?;
            let Some(last) = page.last() else { return Ok(count) };
            count += page.len() as u64;
            after = Some(last.clone());
        }
    }
}

/// What the next sync does beside the forward pass.
struct Outlook {
    cursors: BTreeMap<String, Timestamp>,
    /// Calls that a listing of all history, due or open, still has to show.
    history: Option<u64>,
    share: Share,
}

impl Outlook {
    async fn of(engine: &Engine, now: Timestamp) -> Result<Self> {
        let state = &engine.stores.state;
        let cursors = state.cursors().await?;
        let cursor = |name: &str| cursors.get(name).copied();
        let begins = match cursor(generation::BEGUN) {
            Some(begun) if generation::is_due(&engine.streams.call_details, begun, now) => {
                !generation::waits_for_its_turn(engine, state.generation().await?, now).await?
            }
            _ => false,
        };
        let history = if begins {
            Some(state.count_known(&StreamName::CALLS).await?)
        } else if history_is_open(cursor) {
            Some(engine.history_left(cursor(ANCHOR).unwrap_or(now)).await?)
        } else {
            None
        };
        // A generation that begins has not had the time for a share yet.
        let drained = if begins { Some(now) } else { cursor(generation::DRAINED) };
        let turn = Turn::at(engine, drained, now).await?;
        let share = Share::of_this_run(engine, Some(&turn));
        Ok(Self { cursors, history, share })
    }

    /// Requests by reason, of what is due.
    fn details(&self, queued: BTreeMap<Reason, u64>) -> BTreeMap<Reason, u64> {
        let mut rereads = self.share.rereads;
        let mut wanted = BTreeMap::new();
        for (reason, due) in queued {
            let requests = match reason {
                Reason::Generation => due.min(self.share.generation),
                Reason::Missing | Reason::Reread => due.min(rereads),
                Reason::OnDemand | Reason::Ready | Reason::Changed | Reason::Backfill => due,
            };
            if matches!(reason, Reason::Missing | Reason::Reread) {
                rereads -= requests;
            }
            wanted.insert(reason, requests);
        }
        wanted
    }
}

/// Requests of a proved pass over so many calls.
fn pass(calls: u64) -> u64 {
    let pages = calls.div_ceil(PAGE).max(1);
    pages + u64::from(pages > 1)
}

/// Requests of one pass over so many calls, cut into slices of history that are each proved.
fn slices(calls: u64) -> u64 {
    let (full, rest) = (calls / HISTORY_SLICE, calls % HISTORY_SLICE);
    full * pass(HISTORY_SLICE) + pass(rest)
}
