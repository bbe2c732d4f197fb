//! Generations of `call_details`: every known call fetched again, a share in each run.

use chrono::Duration;
use clarion_core::{QueueEntry, Reason, Result, StatusClass, StreamName, Timestamp, fault};

use crate::calls::{ANCHOR, history_is_open};
use crate::declared;
use crate::engine::Engine;
use crate::judge::queue_entry;
use crate::recorder::Recorder;
use crate::settings::{CallDetailsSettings, DetailsMode};

/// When the generation under way began.
pub(crate) const BEGUN: &str = "call_details.generation";
/// The same moment, if `sync --full` began it.
const BEGUN_IN_FULL: &str = "call_details.full";
/// Up to when the share of it that was due is drained.
pub(crate) const DRAINED: &str = "call_details.drained";
/// Known calls looked at in one step.
const STEP: u32 = 1_000;

/// Begins a generation if one is due or asked for: all of history is to be listed again, and every known call that has
/// details is queued, at the lowest priority. One that was asked for and is not complete is gone on with instead.
pub(crate) async fn begin_if_due(engine: &Engine, recorder: &mut Recorder, full: bool) -> Result<()> {
    let now = engine.stores.clock.now();
    let settings = &engine.streams.call_details;
    let Some(begun) = recorder.cursor(BEGUN) else {
        // The first sync is the first generation: its listing queues everything.
        begin(recorder, 1, full, now);
        return recorder.flush().await;
    };
    let due = is_due(settings, begun, now);
    let waits = waits_for_its_turn(engine, recorder.generation(), now).await?;
    let wanted = if full {
        let asked_for = recorder.cursor(BEGUN_IN_FULL) == Some(begun) || !recorder.has_history();
        let is_open = waits || history_is_open(|name| recorder.cursor(name));
        let is_complete = !is_open && !declared::ids_wait(engine, begun).await?;
        !asked_for || is_complete || fault::defect("pipeline.full_begins_anew")
    } else {
        due && !waits
    };
    if !wanted {
        return Ok(());
    }
    // Queued first, marked as begun last: a run that ends in between queues them again, which changes nothing.
    queue_all(engine, recorder, now).await?;
    let generation = recorder.generation() + 1;
    begin(recorder, generation, full, now);
    recorder.set_cursor(ANCHOR, now);
    recorder.flush().await
}

/// Whether the time of the next generation has come, given when the last one began.
pub(crate) fn is_due(settings: &CallDetailsSettings, begun: Timestamp, now: Timestamp) -> bool {
    settings.mode == DetailsMode::Full && now - begun >= settings.generation_every.as_chrono()
}

fn begin(recorder: &mut Recorder, generation: u32, full: bool, now: Timestamp) {
    recorder.set_generation(generation);
    recorder.set_cursor(BEGUN, now);
    recorder.set_cursor(DRAINED, now);
    if full {
        recorder.set_cursor(BEGUN_IN_FULL, now);
    }
}

/// Whether calls wait for their turn. One that failed and has to wait longer than this run does not count, or a call
/// that always fails would keep the generation open for ever.
pub(crate) async fn waits_for_its_turn(engine: &Engine, generation: u32, now: Timestamp) -> Result<bool> {
    let depth = engine.stores.state.queue_depth(now).await?;
    Ok(turns_of(generation).iter().any(|reason| depth.get(reason).is_some_and(|(_, due)| *due > 0)))
}

/// The queue's reasons that stand for a generation: the first one is what the first listing found.
pub(crate) fn turns_of(generation: u32) -> &'static [Reason] {
    if generation <= 1 { &[Reason::Backfill, Reason::Generation] } else { &[Reason::Generation] }
}

async fn queue_all(engine: &Engine, recorder: &mut Recorder, now: Timestamp) -> Result<()> {
    let mut after = None;
    loop {
        engine.stores.stop.check()?;
        let page = engine.stores.state.scan_known(&StreamName::CALLS, after.as_ref(), STEP).await?;
        let Some(last) = page.last() else {
            return recorder.flush().await;
        };
        after = Some(last.key.clone());
        for call in page.iter().filter(|call| !call.gone) {
            if StatusClass::of(call.status.as_deref()).has_details() {
                recorder.queue(queue_entry(call, Reason::Generation, now));
            }
        }
        recorder.flush().await?;
    }
}

/// How many requests of the lowest priorities this run may spend.
pub(crate) struct Share {
    pub(crate) rereads: u64,
    pub(crate) generation: u64,
}

impl Share {
    /// A generation spends in each run its pro-rata share; re-reads at most a hundredth of the week.
    pub(crate) fn of_this_run(engine: &Engine, turn: Option<&Turn>) -> Self {
        let Some(turn) = turn else {
            return Self { rereads: u64::MAX, generation: u64::MAX };
        };
        let rereads = if engine.weekly_requests == 0 { u64::MAX } else { engine.weekly_requests / 100 };
        Self { rereads, generation: turn.share }
    }

    /// Nothing of the lowest priorities: they are the sync's.
    pub(crate) fn nothing() -> Self {
        Self { rereads: 0, generation: 0 }
    }

    /// Takes one request out of the share; false when the share is spent.
    pub(crate) fn take(&mut self, entry: &QueueEntry) -> bool {
        let left = match entry.reason {
            Reason::Missing | Reason::Reread => &mut self.rereads,
            Reason::Generation => &mut self.generation,
            Reason::OnDemand | Reason::Ready | Reason::Changed | Reason::Backfill => return true,
        };
        let allowed = *left > 0;
        *left = left.saturating_sub(1);
        allowed
    }

    /// Whether there is a share left for such a request.
    pub(crate) fn has(&self, entry: &QueueEntry) -> bool {
        match entry.reason {
            Reason::Missing | Reason::Reread => self.rereads > 0,
            Reason::Generation => self.generation > 0,
            Reason::OnDemand | Reason::Ready | Reason::Changed | Reason::Backfill => true,
        }
    }

    /// Whether nothing of the queue's last reason may be fetched any more in this run.
    pub(crate) fn is_spent_on(&self, reason: Reason) -> bool {
        reason == Reason::Generation && self.generation == 0
    }
}

/// What of a generation is due between two runs. It is given up only as far as it was drained: a run that ends on the
/// quota, or dies, leaves the rest to the next one, or the generation would never end in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Turn {
    from: Timestamp,
    to: Timestamp,
    share: u64,
    /// Calls that waited for their turn when it began.
    waiting: u64,
}

impl Turn {
    /// Given up to when the share is drained; all of it is due once a whole period has passed.
    pub(crate) async fn at(engine: &Engine, drained: Option<Timestamp>, now: Timestamp) -> Result<Self> {
        let period = engine.streams.call_details.generation_every.as_chrono();
        let known = engine.stores.state.count_known(&StreamName::CALLS).await?;
        let waiting = waiting(engine, now).await?;
        Ok(Self::of(drained.unwrap_or(now), now, period, known).with(waiting))
    }

    fn of(drained: Timestamp, now: Timestamp, period: Duration, known: u64) -> Self {
        let period = period.num_seconds().max(1);
        let since = (now - drained).num_seconds().clamp(0, period);
        let share = (known * since.unsigned_abs()).div_ceil(period.unsigned_abs());
        Self { from: now - Duration::seconds(since), to: now, share, waiting: 0 }
    }

    fn with(self, waiting: u64) -> Self {
        Self { waiting, ..self }
    }

    /// Moves on as far as calls had their turn.
    pub(crate) async fn end(self, engine: &Engine, recorder: &mut Recorder) -> Result<()> {
        let left = waiting(engine, self.to).await?;
        recorder.set_cursor(DRAINED, self.drained_to(left));
        Ok(())
    }

    /// Up to when the share is drained if so many calls still wait.
    fn drained_to(&self, left: u64) -> Timestamp {
        let drained = self.waiting.saturating_sub(left);
        if left == 0 || drained >= self.share || fault::defect("pipeline.share_is_lost") {
            return self.to;
        }
        let part = |millis: i64| {
            let part = i128::from(millis) * i128::from(drained) / i128::from(self.share);
            i64::try_from(part).unwrap_or(millis)
        };
        self.from + Duration::milliseconds(part((self.to - self.from).num_milliseconds()))
    }
}

/// Calls whose turn it is.
async fn waiting(engine: &Engine, now: Timestamp) -> Result<u64> {
    let depth = engine.stores.state.queue_depth(now).await?;
    Ok(depth.get(&Reason::Generation).map_or(0, |(_, due)| *due))
}

#[cfg(test)]
mod tests {
    use clarion_core::parse_timestamp;

    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_timestamp(text).expect("a time")
    }

    #[test]
    fn a_share_is_given_up_only_as_far_as_it_was_drained() {
        let (from, now) = (at("2026-11-01T00:00:00Z"), at("2026-11-04T00:00:00Z"));
        let turn = Turn::of(from, now, Duration::days(30), 1_000).with(800);
        assert_eq!(turn.share, 100);
        assert_eq!(turn.drained_to(700), now, "all of it");
        assert_eq!(turn.drained_to(800), from, "nothing of it: the quota was spent before");
        assert_eq!(turn.drained_to(775), at("2026-11-01T18:00:00Z"), "a quarter");
        assert_eq!(turn.with(20).drained_to(0), now, "nothing waits any more");
    }

    #[test]
    fn after_a_period_every_call_is_due_and_never_more() {
        let (from, now) = (at("2026-01-01T00:00:00Z"), at("2026-11-04T00:00:00Z"));
        let turn = Turn::of(from, now, Duration::days(30), 1_000).with(1_000);
        assert_eq!(turn.share, 1_000);
        assert_eq!(turn.drained_to(500), at("2026-10-20T00:00:00Z"));
    }
}
