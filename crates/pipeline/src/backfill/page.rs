//! One page of a backfill's slice: its calls, whether they are public, their details. Then all of it is durable.
//!
//! A page is the unit that a killed run repeats at most: what came before is never asked for again.

use std::collections::HashSet;

use async_trait::async_trait;
use chrono::Duration;
use clarion_core::{
    ListRequest, PageSink, Purpose, Reason, RecordKey, Result, SliceInHand, SourceRecord, StreamName,
    Timestamp, Visibility, Window, fault,
};

use super::Worker;
use crate::details::{DetailsPass, is_of_our_stores};
use crate::generation::Share;
use crate::listing::{CallSink, Publicity};
use crate::tombstones::Guard;

/// Takes the pages of one slice.
pub(super) struct PageWork<'w, 'e> {
    worker: &'w mut Worker<'e>,
    /// Ids of this pass.
    seen: HashSet<RecordKey>,
    /// Whether they are durable, too: a pass that is repeated to prove itself does not move backwards.
    reached: Reached,
}

/// How far a pass is: calls at the last time may not all have been seen yet.
struct Reached {
    hand: SliceInHand,
    /// Calls seen at `hand.listed_to`.
    at_bound: u64,
}

impl<'w, 'e> PageWork<'w, 'e> {
    pub(super) fn new(worker: &'w mut Worker<'e>, hand: SliceInHand) -> Self {
        Self { worker, seen: HashSet::new(), reached: Reached { hand, at_bound: 0 } }
    }

    /// The calls that the slice's listing showed.
    pub(super) fn into_seen(self) -> HashSet<RecordKey> {
        self.seen
    }

    async fn take(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        let fresh = times_of(records.iter().filter(|record| !self.seen.contains(&record.key)));
        let keys: Vec<RecordKey> = records.iter().map(|record| record.key.clone()).collect();
        let publicity = self.publicity(&times_of(&records));
        let Worker { engine, recorder, tally, suspects, .. } = &mut *self.worker;
        let mut sink = CallSink {
            recorder,
            tally,
            publicity,
            seen: std::mem::take(&mut self.seen),
            first: Reason::Backfill,
            suspects,
        };
        let taken = sink.take_all(records).await;
        self.seen = sink.seen;
        taken?;
        let entries = recorder.queued(&StreamName::CALL_DETAILS, &keys);
        let guard = Guard::shut(StreamName::CALLS);
        let mut details = DetailsPass::new(engine, recorder, tally, Share::nothing(), guard);
        let fetched = if engine.streams.call_details.enabled { details.batch(entries).await } else { Ok(()) };
        if fetched.as_ref().is_err_and(|error| is_of_our_stores(error.kind())) {
            return fetched;
        }
        // What was not fetched any more is queued.
        self.reached.go_on(&fresh);
        self.worker.job.listed += fresh.len() as u64;
        self.worker.job.in_hand = Some(self.reached.hand);
        self.worker.save().await?;
        fault::point("backfill.page");
        fetched
    }

    /// Where a call is not known yet, the public ones of the page's span of time tell whether it is private.
    fn publicity(&self, times: &[Timestamp]) -> Publicity {
        let engine = self.worker.engine;
        if !engine.include_private {
            return Publicity::AllPublic;
        }
        // Times that nobody can read tell no span: then that of the slice.
        let hand = self.reached.hand;
        let from = times.iter().min().copied().unwrap_or(hand.from);
        let to = times.iter().max().map_or(hand.to, |last| *last + Duration::milliseconds(1));
        let window = Window::ByTime { from, to: Some(to) };
        let (visibility, purpose) = (Visibility::PublicOnly, Purpose::Backfill);
        let request = ListRequest { window, visibility, purpose, max_rows: 0 };
        Publicity::OnDemand { source: engine.source.clone(), request }
    }
}

fn times_of<'r>(records: impl IntoIterator<Item = &'r SourceRecord>) -> Vec<Timestamp> {
    records.into_iter().filter_map(|record| record.time).collect()
}

#[async_trait]
impl PageSink for PageWork<'_, '_> {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        self.take(records).await
    }
}

impl Reached {
    /// Notes the times of calls that this pass had not seen before.
    fn go_on(&mut self, times: &[Timestamp]) {
        for time in times {
            match time.cmp(&self.hand.listed_to) {
                std::cmp::Ordering::Less => self.hand.rows += 1,
                std::cmp::Ordering::Equal => self.at_bound += 1,
                std::cmp::Ordering::Greater => {
                    self.hand.rows += std::mem::replace(&mut self.at_bound, 1);
                    self.hand.listed_to = *time;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clarion_core::from_millis;

    use super::*;

    #[test]
    fn calls_at_the_last_time_count_once_a_later_one_was_seen() {
        let hand =
            SliceInHand { from: from_millis(0), to: from_millis(99), listed_to: from_millis(0), rows: 0 };
        let mut reached = Reached { hand, at_bound: 0 };
        let mut page = |millis: &[i64]| {
            reached.go_on(&millis.iter().map(|at| from_millis(*at)).collect::<Vec<_>>());
            (reached.hand.listed_to.timestamp_millis(), reached.hand.rows)
        };
        assert_eq!(page(&[1, 2, 5, 5]), (5, 2));
        assert_eq!(page(&[5, 5]), (5, 2), "a tie over two pages");
        assert_eq!(page(&[7]), (7, 6));
    }
}
