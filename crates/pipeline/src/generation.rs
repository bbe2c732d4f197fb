//! Generations of `call_details`: every known call fetched again, a share in each run.

use clarion_core::{QueueEntry, Reason, Result, StatusClass, StreamName, Timestamp, fault};

use crate::calls::{ANCHOR, history_is_open};
use crate::engine::Engine;
use crate::judge::queue_entry;
use crate::recorder::Recorder;
use crate::settings::DetailsMode;

/// When the generation under way began.
pub(crate) const BEGUN: &str = "call_details.generation";
/// The same moment, if `sync --full` began it.
const BEGUN_IN_FULL: &str = "call_details.full";
/// When the last run drained a share of it.
const DRAINED: &str = "call_details.drained";
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
    let due = settings.mode == DetailsMode::Full && now - begun >= settings.generation_every.as_chrono();
    let waits = waits_for_its_turn(engine, recorder, now).await?;
    let wanted = if full {
        let asked_for = recorder.cursor(BEGUN_IN_FULL) == Some(begun) || !recorder.has_history();
        let is_complete = !waits && !history_is_open(|name| recorder.cursor(name));
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
async fn waits_for_its_turn(engine: &Engine, recorder: &Recorder, now: Timestamp) -> Result<bool> {
    let depth = engine.stores.state.queue_depth(now).await?;
    Ok(turns_of(recorder.generation())
        .iter()
        .any(|reason| depth.get(reason).is_some_and(|(_, due)| *due > 0)))
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
    rereads: u64,
    generation: u64,
}

impl Share {
    /// A generation spends in each run its pro-rata share; re-reads at most a hundredth of the week.
    pub(crate) async fn of_this_run(engine: &Engine, recorder: &mut Recorder, full: bool) -> Result<Self> {
        if full {
            return Ok(Self { rereads: u64::MAX, generation: u64::MAX });
        }
        let now = engine.stores.clock.now();
        let since = now - recorder.cursor(DRAINED).unwrap_or(now);
        recorder.set_cursor(DRAINED, now);
        let period = engine.streams.call_details.generation_every.as_chrono().num_seconds().max(1);
        let known = engine.stores.state.count_known(&StreamName::CALLS).await?;
        let elapsed = u64::try_from(since.num_seconds().clamp(0, period)).unwrap_or(0);
        let generation = (known * elapsed).div_ceil(period.unsigned_abs());
        let rereads = if engine.weekly_requests == 0 { u64::MAX } else { engine.weekly_requests / 100 };
        Ok(Self { rereads, generation })
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
