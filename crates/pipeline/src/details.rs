//! The stream `call_details`: draining the queue, several requests in flight.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clarion_core::{
    Error, Event, Fetched, Fingerprint, Kind, Known, Purpose, QueueEntry, Reason, RecordKey, Rejected,
    Result, SourceRecord, StreamName, fault,
};
use futures::future;
use futures::stream::{self, StreamExt as _};
use tokio::time::{Instant, timeout_at};

use crate::absent;
use crate::engine::Engine;
use crate::generation::Share;
use crate::judge::{self, Version};
use crate::listing::Phase;
use crate::on_demand::queue_asked;
use crate::record::Arrival;
use crate::recorder::Recorder;
use crate::tally::Tally;
use crate::tombstones::Guard;

/// Entries taken from the queue at a time.
const BATCH: u32 = 512;
/// So many failures in a row are an outage rather than bad luck: going on would only burn quota.
pub(crate) const OUTAGE: u32 = 10;
/// When the phase ends early, what was sent has this long to come in: it is paid for. Less than the ten seconds that
/// a stopped run has.
pub(crate) const IN_FLIGHT: Duration = Duration::from_secs(7);

/// Fetches what is due and journals what is new or changed.
pub(crate) struct DetailsPass<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) recorder: &'e mut Recorder,
    pub(crate) tally: &'e mut Tally,
    share: Share,
    pub(crate) guard: Guard,
    pub(crate) failures_in_a_row: u32,
    pub(crate) unlisted: Unlisted,
    only_asked: bool,
}

/// Suspects that are there, where they were and not listed: the list is wrong and not the calls.
#[derive(Default)]
pub(crate) struct Unlisted {
    pub(crate) count: u64,
    pub(crate) in_a_row: u32,
}

impl Unlisted {
    /// Whether the list has lost all credit: asking for more suspects would only burn quota.
    fn is_the_rule(&self) -> bool {
        self.in_a_row >= OUTAGE
    }
}

/// What is known of the calls of a batch.
pub(crate) struct Batch {
    pub(crate) calls: HashMap<RecordKey, Known>,
    pub(crate) details: HashMap<RecordKey, Known>,
    /// Suspects that are still there, to be looked for where they are now.
    found: Vec<(QueueEntry, SourceRecord)>,
}

impl<'e> DetailsPass<'e> {
    pub(crate) fn new(
        engine: &'e Engine,
        recorder: &'e mut Recorder,
        tally: &'e mut Tally,
        share: Share,
        guard: Guard,
    ) -> Self {
        Self {
            engine,
            recorder,
            tally,
            share,
            guard,
            failures_in_a_row: 0,
            unlisted: Unlisted::default(),
            only_asked: false,
        }
    }

    /// Leaves everything that nobody asked for by notification.
    pub(crate) fn only_asked(self) -> Self {
        Self { only_asked: true, ..self }
    }

    pub(crate) async fn run(mut self) -> Result<()> {
        let ended = self.drain().await;
        self.guard.report(self.tally);
        if self.unlisted.count > 0 {
            self.tally.warn(format!(
                "{} calls are not in the list and have details: they were kept",
                self.unlisted.count
            ));
        }
        ended?;
        self.recorder.flush().await
    }

    async fn drain(&mut self) -> Result<()> {
        let stores = &self.engine.stores;
        let now = stores.clock.now();
        let depth = stores.state.queue_depth(now).await?;
        let due: u64 = depth.values().map(|(_, due)| due).sum();
        // Suspects and what is looked at again wait by design; all others wait because they failed more than once.
        let by_design = [Reason::Missing, Reason::Reread];
        let failed = depth.iter().filter(|(reason, _)| !by_design.contains(reason));
        let left_alone: u64 = failed.map(|(_, (waiting, due))| waiting - due).sum();
        if left_alone > 0 {
            self.tally.warn(format!(
                "{left_alone} calls whose details failed are left alone until they are due again"
            ));
        }
        let _phase = Phase::begin(stores.observer.as_ref(), StreamName::CALL_DETAILS, Some(due));
        let mut after = None;
        loop {
            self.asked_meanwhile().await?;
            let mut batch = stores.state.due(now, after.as_ref(), BATCH).await?;
            if self.only_asked {
                batch.retain(|entry| entry.reason == Reason::OnDemand);
            }
            let Some(last) = batch.last() else { return Ok(()) };
            let last = last.clone();
            self.batch(batch).await?;
            if self.share.is_spent_on(last.reason) {
                return Ok(());
            }
            after = Some(last);
        }
    }

    /// What was asked for since the last batch does not wait for the end of the queue.
    async fn asked_meanwhile(&mut self) -> Result<()> {
        let stores = &self.engine.stores;
        let asked = queue_asked(stores, self.recorder).await?;
        if asked.is_empty() {
            return Ok(());
        }
        let mut batch = stores.state.due(stores.clock.now(), None, BATCH).await?;
        batch.retain(|entry| entry.reason == Reason::OnDemand && asked.contains(&entry.key));
        self.batch(batch).await?;
        self.recorder.flush().await
    }

    /// Fetches these, as far as the share goes. However it ends, what came of them is durable or in the segment in hand.
    pub(crate) async fn batch(&mut self, entries: Vec<QueueEntry>) -> Result<()> {
        let ended = self.take_all(entries).await;
        if ended.as_ref().is_err_and(|error| !is_of_our_stores(error.kind())) {
            self.recorder.flush().await?;
        }
        ended
    }

    async fn take_all(&mut self, entries: Vec<QueueEntry>) -> Result<()> {
        // Somebody may have asked for a call that is never to be fetched again.
        let (purged, entries): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|entry| self.recorder.is_purged(&entry.key));
        for entry in purged {
            self.recorder.done(&entry.stream, &entry.key);
        }
        let keys: Vec<RecordKey> = entries.iter().map(|entry| entry.key.clone()).collect();
        let calls = self.recorder.known(&StreamName::CALLS, &keys).await?;
        let details = self.recorder.known(&StreamName::CALL_DETAILS, &keys).await?;
        let mut batch = Batch { calls, details, found: Vec::new() };
        let wanted = entries.into_iter().filter(|entry| self.wants(entry, &batch)).collect();
        self.fetch(wanted, &mut batch).await?;
        for (entry, record) in std::mem::take(&mut batch.found) {
            self.find(&entry, &record, &batch).await?;
        }
        Ok(())
    }

    /// Whether this run makes the request.
    fn wants(&mut self, entry: &QueueEntry, batch: &Batch) -> bool {
        if entry.reason != Reason::Missing {
            return self.share.take(entry);
        }
        if absent::is_settled(batch.calls.get(&entry.key), entry.time) {
            self.recorder.done(&entry.stream, &entry.key);
            return false;
        }
        self.share.has(entry) && self.guard.take() && self.share.take(entry)
    }

    /// Makes the requests, several at a time. Ends early on what concerns all, but not before what was sent came in.
    async fn fetch(&mut self, wanted: Vec<QueueEntry>, batch: &mut Batch) -> Result<()> {
        let source = self.engine.source.clone();
        let fetch = |entry: QueueEntry| {
            let source = source.clone();
            async move {
                let fetched = source.details(&entry.key, purpose(entry.reason)).await;
                (entry, fetched)
            }
        };
        let (open, credit) = (AtomicBool::new(true), AtomicBool::new(!self.unlisted.is_the_rule()));
        let wanted = stream::iter(wanted)
            .take_while(|_| future::ready(open.load(Ordering::Relaxed)))
            .filter(|entry| future::ready(entry.reason != Reason::Missing || credit.load(Ordering::Relaxed)));
        let mut answers = wanted.map(fetch).buffer_unordered(self.engine.concurrency.max(1));
        let mut ended = Ended::default();
        while let Some((entry, fetched)) = ended.bound(answers.next()).await {
            match fetched {
                Ok(Fetched::Record(_))
                    if entry.reason == Reason::Missing && fault::defect("pipeline.delete_unconfirmed") =>
                {
                    self.missing(&entry, batch).await?;
                }
                Ok(Fetched::Record(record)) => self.came(entry, record, batch).await?,
                Ok(Fetched::Missing) => self.missing(&entry, batch).await?,
                Err(error) => {
                    if let Err(error) = self.failed(entry, error) {
                        open.store(false, Ordering::Relaxed);
                        ended.early(error);
                        if fault::defect("pipeline.drop_in_flight") {
                            break;
                        }
                    }
                }
            }
            credit.store(!self.unlisted.is_the_rule(), Ordering::Relaxed);
            self.recorder.breathe().await?;
        }
        ended.into_error().map_or(Ok(()), Err)
    }

    async fn came(&mut self, entry: QueueEntry, record: SourceRecord, batch: &mut Batch) -> Result<()> {
        self.failures_in_a_row = 0;
        if entry.reason != Reason::Missing {
            return self.take(&entry, &record, batch).await;
        }
        self.guard.give_back();
        self.weigh(&entry, &record, batch);
        // Where private calls are not asked for, the list must first show that this one is public.
        if self.engine.include_private {
            self.take(&entry, &record, batch).await?;
        }
        batch.found.push((entry, record));
        Ok(())
    }

    pub(crate) async fn take(
        &mut self,
        entry: &QueueEntry,
        record: &SourceRecord,
        batch: &Batch,
    ) -> Result<()> {
        let stores = &self.engine.stores;
        let private = batch.calls.get(&record.key).and_then(|call| call.private);
        let at = stores.clock.now();
        let arrival = Arrival {
            stream: &StreamName::CALL_DETAILS,
            record,
            private,
            at,
            fingerprint: Fingerprint::default(),
            generation: self.recorder.generation(),
        };
        let next = arrival.known();
        let previous = batch.details.get(&record.key);
        let version = judge::version(previous, next.hash, private);
        self.tally.count(&StreamName::CALL_DETAILS, version);
        match previous.filter(|_| version == Version::Same) {
            Some(previous) => self.recorder.confirm(Known { position: previous.position, ..next }),
            None => self.recorder.write(&arrival.entry(), next).await?,
        }
        self.recorder.done(&entry.stream, &entry.key);
        self.look_again(entry, record);
        stores.observer.notice(Event::Fetched { stream: StreamName::CALL_DETAILS, records: 1 });
        Ok(())
    }

    pub(crate) fn look_again(&mut self, entry: &QueueEntry, record: &SourceRecord) {
        // A suspect's attempts are those of the question whether it is there.
        let attempts = if entry.reason == Reason::Missing { 0 } else { entry.attempts };
        if let Some(again) = judge::after_details(record, attempts, self.engine.stores.clock.now()) {
            self.recorder.queue(again);
        }
    }

    /// What failed for good is rejected, what failed for now stays queued, what concerns all ends the phase.
    fn failed(&mut self, entry: QueueEntry, error: Error) -> Result<()> {
        match error.kind() {
            Kind::Refused => self.reject(&entry, &error),
            Kind::Remote | Kind::Protocol => {
                self.tally.holes.push(format!("call {}: {}", entry.key, error.chain()));
                let due_at = self.engine.stores.clock.now() + judge::pause_after(entry.attempts);
                // An entry that is there keeps its earlier time: this one takes its place.
                self.recorder.done(&entry.stream, &entry.key);
                self.recorder.queue(QueueEntry { attempts: entry.attempts + 1, due_at, ..entry });
                self.failures_in_a_row += 1;
                if self.failures_in_a_row >= OUTAGE {
                    return Err(error);
                }
            }
            _ => return Err(error),
        }
        Ok(())
    }

    pub(crate) fn reject(&mut self, entry: &QueueEntry, error: &Error) {
        self.tally.stream(&StreamName::CALL_DETAILS).rejected += 1;
        self.recorder.done(&entry.stream, &entry.key);
        let at = self.engine.stores.clock.now();
        self.recorder.reject(Rejected::new(entry.stream.clone(), entry.key.clone(), error.chain(), at));
    }
}

/// How a phase ends before its time: no new request, and a while for those under way.
#[derive(Default)]
pub(crate) struct Ended {
    error: Option<Error>,
    until: Option<Instant>,
}

impl Ended {
    pub(crate) fn into_error(self) -> Option<Error> {
        self.error
    }

    /// The first reason counts.
    pub(crate) fn early(&mut self, error: Error) {
        self.error.get_or_insert(error);
        self.until.get_or_insert_with(|| Instant::now() + IN_FLIGHT);
    }

    pub(crate) async fn bound<T>(&self, next: impl Future<Output = Option<T>>) -> Option<T> {
        match self.until {
            None => next.await,
            Some(until) => timeout_at(until, next).await.unwrap_or(None),
        }
    }
}

pub(crate) fn purpose(reason: Reason) -> Purpose {
    match reason {
        Reason::OnDemand => Purpose::OnDemand,
        Reason::Ready => Purpose::Ready,
        Reason::Changed => Purpose::Changed,
        Reason::Backfill => Purpose::Backfill,
        Reason::Missing | Reason::Reread => Purpose::Reread,
        Reason::Generation => Purpose::Generation,
    }
}

/// Errors of journal and state store: what was appended may not be there.
pub(crate) fn is_of_our_stores(kind: Kind) -> bool {
    matches!(kind, Kind::Storage | Kind::Corrupt | Kind::Conflict)
}
