//! Calls that a proved listing of their time did not show: suspects, each to be confirmed by a request of its own.
//!
//! Invariant: only a listing by time, proved and with no other filter, makes a suspect; a hole never does.

use std::collections::HashSet;

use chrono::{DurationRound as _, TimeDelta};
use clarion_core::{Known, Reason, RecordKey, Result, Span, StreamName, Timestamp};

use crate::engine::Engine;
use crate::judge::queue_entry;
use crate::recorder::Recorder;
use crate::tally::Tally;

/// Known calls compared with a listing in one step.
const STEP: u32 = 1_000;
/// The vendor compares times to the millisecond.
const TICK: TimeDelta = TimeDelta::milliseconds(1);
/// So many suspects in one run are no bulk removal, however few calls there are …
const FEW: u64 = 20;
/// … and neither is one in so many known calls.
const SHARE: u64 = 100;

/// The suspects of one run.
#[derive(Debug, Default)]
pub(crate) struct Suspects {
    /// Of earlier runs, and not listed in this one so far.
    before: HashSet<RecordKey>,
    count: u64,
    latest: Option<Timestamp>,
}

impl Suspects {
    /// With those that wait since earlier runs.
    pub(crate) async fn of_earlier_runs(engine: &Engine) -> Result<Self> {
        let state = &engine.stores.state;
        let now = engine.stores.clock.now();
        let mut suspects = Self::default();
        if !state.queue_depth(now).await?.contains_key(&Reason::Missing) {
            return Ok(suspects);
        }
        let mut after = None;
        loop {
            let page = state.due(Timestamp::MAX_UTC, after.as_ref(), STEP).await?;
            for entry in page.iter().filter(|entry| entry.reason == Reason::Missing) {
                suspects.before.insert(entry.key.clone());
            }
            after = page.last().cloned();
            if after.as_ref().is_none_or(|last| last.reason > Reason::Missing) {
                return Ok(suspects);
            }
        }
    }

    /// Whether this listed call was a suspect; it is none any more.
    pub(crate) fn clear(&mut self, key: &RecordKey) -> bool {
        !self.before.is_empty() && self.before.remove(key)
    }

    /// Queues a request for every known call of the span that `seen`, the ids of its listing, does not name. What the
    /// listing showed must be in the state store: a call that moved within it has its new time there.
    pub(crate) async fn queue(
        &mut self,
        engine: &Engine,
        recorder: &mut Recorder,
        span: Span,
        seen: &HashSet<RecordKey>,
    ) -> Result<()> {
        let now = engine.stores.clock.now();
        let span = Span { from: inner(span.from), ..span };
        let mut after: Option<Known> = None;
        loop {
            let page = engine.stores.state.known_in(&StreamName::CALLS, span, after.as_ref(), STEP).await?;
            for call in &page {
                // Where private calls are not asked for, those that became private are absent and not gone.
                let is_listed = engine.include_private || call.private != Some(true);
                if is_listed && !seen.contains(&call.key) {
                    recorder.queue(queue_entry(call, Reason::Missing, now));
                    // The queue forgets it where the call is wanted for something more urgent as well.
                    if call.absent == 0 {
                        recorder.confirm(Known { absent: 1, ..call.clone() });
                    }
                    self.count += 1;
                    self.latest = self.latest.max(call.time);
                }
            }
            after = page.last().cloned();
            if after.is_none() {
                return Ok(());
            }
            // Page by page: if the list is empty by mistake, that is every call.
            recorder.flush().await?;
        }
    }

    /// Says so if these are too many to be single deletions.
    pub(crate) async fn report(&self, engine: &Engine, tally: &mut Tally) -> Result<()> {
        let Some(latest) = self.latest else { return Ok(()) };
        let known = engine.stores.state.count_known(&StreamName::CALLS).await?;
        if self.count > FEW.max(known / SHARE) {
            tally.warn(format!(
                "{} calls up to {} are gone from the list: a bulk removal. Each is asked for once before it is marked \
                 as deleted, within the budget for re-reads; the rest follows in later runs",
                self.count,
                latest.format("%F"),
            ));
        }
        Ok(())
    }
}

/// Whether a proved listing of its time did not show this call, and none has since.
pub(crate) fn is_suspect(call: &Known) -> bool {
    !call.gone && call.absent > 0
}

/// Whether a queued suspect is one no longer: it moved in time and was listed there, or is gone already.
pub(crate) fn is_settled(call: Option<&Known>, missed_at: Option<Timestamp>) -> bool {
    call.is_none_or(|call| call.gone || call.time != missed_at)
}

/// The state store keeps milliseconds: a call in the first, cut one may lie before the span.
fn inner(from: Timestamp) -> Timestamp {
    let floor = from.duration_trunc(TICK).unwrap_or(from);
    if floor == from { from } else { floor + TICK }
}

#[cfg(test)]
mod tests {
    use clarion_core::{Position, parse_timestamp, testing::state};

    use super::*;

    #[test]
    fn a_suspect_that_is_gone_or_somewhere_else_is_settled() {
        let time = parse_timestamp("2026-11-01T10:00:00Z");
        let call = Known { time, ..state::known("a", Position::new(1, 2)) };
        assert!(!is_settled(Some(&call), time));
        assert!(is_settled(None, time));
        assert!(is_settled(Some(&Known { gone: true, ..call.clone() }), time));
        assert!(is_settled(Some(&Known { time: None, ..call.clone() }), time));
        assert!(is_settled(Some(&call), time.map(|time| time - TICK)));
    }

    #[test]
    fn a_span_that_begins_within_a_millisecond_begins_after_it() {
        let at = |text| parse_timestamp(text).expect("a time");
        assert_eq!(inner(at("2026-11-01T10:00:00.001Z")), at("2026-11-01T10:00:00.001Z"));
        assert_eq!(inner(at("2026-11-01T10:00:00.001001Z")), at("2026-11-01T10:00:00.002Z"));
    }
}
