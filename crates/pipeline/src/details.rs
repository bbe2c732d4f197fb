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

use crate::engine::Engine;
use crate::generation::Share;
use crate::judge::{self, Version};
use crate::listing::Phase;
use crate::on_demand::queue_asked;
use crate::record::Arrival;
use crate::recorder::Recorder;
use crate::tally::Tally;

/// Entries taken from the queue at a time.
const BATCH: u32 = 512;
/// So many failures in a row are an outage rather than bad luck: going on would only burn quota.
const OUTAGE: u32 = 10;
/// When the phase ends early, what was sent has this long to come in: it is paid for. Less than the ten seconds that
/// a stopped run has.
pub(crate) const IN_FLIGHT: Duration = Duration::from_secs(7);

/// Fetches what is due and journals what is new or changed.
pub(crate) struct DetailsPass<'e> {
    pub(crate) engine: &'e Engine,
    pub(crate) recorder: &'e mut Recorder,
    pub(crate) tally: &'e mut Tally,
    pub(crate) share: Share,
    pub(crate) failures_in_a_row: u32,
    /// Leave everything that nobody asked for by notification.
    pub(crate) only_asked: bool,
}

impl DetailsPass<'_> {
    pub(crate) async fn run(mut self) -> Result<()> {
        let stores = &self.engine.stores;
        let now = stores.clock.now();
        let due: u64 = stores.state.queue_depth(now).await?.values().map(|(_, due)| due).sum();
        let _phase = Phase::begin(stores.observer.as_ref(), StreamName::CALL_DETAILS, Some(due));
        let mut after = None;
        loop {
            self.asked_meanwhile().await?;
            let mut batch = stores.state.due(now, after.as_ref(), BATCH).await?;
            if self.only_asked {
                batch.retain(|entry| entry.reason == Reason::OnDemand);
            }
            let Some(last) = batch.last() else {
                return self.recorder.flush().await;
            };
            let last = last.clone();
            self.batch(batch).await?;
            if self.share.is_spent_on(last.reason) {
                return self.recorder.flush().await;
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

    /// Fetches these, as far as the share goes.
    pub(crate) async fn batch(&mut self, batch: Vec<QueueEntry>) -> Result<()> {
        let keys: Vec<RecordKey> = batch.iter().map(|entry| entry.key.clone()).collect();
        let calls = self.recorder.known(&StreamName::CALLS, &keys).await?;
        let known = self.recorder.known(&StreamName::CALL_DETAILS, &keys).await?;
        let wanted: Vec<QueueEntry> = batch.into_iter().filter(|entry| self.share.take(entry)).collect();

        let source = self.engine.source.clone();
        let fetch = |entry: QueueEntry| {
            let source = source.clone();
            async move {
                let fetched = source.details(&entry.key, purpose(entry.reason)).await;
                (entry, fetched)
            }
        };
        let open = AtomicBool::new(true);
        let wanted = stream::iter(wanted).take_while(|_| future::ready(open.load(Ordering::Relaxed)));
        let mut answers = wanted.map(fetch).buffer_unordered(self.engine.concurrency.max(1));
        let mut ended = Ended::default();
        while let Some((entry, fetched)) = ended.bound(answers.next()).await {
            let private = calls.get(&entry.key).and_then(|call| call.private);
            match fetched {
                Ok(Fetched::Record(record)) => self.take(&entry, &record, private, &known).await?,
                Ok(Fetched::Missing) => self.missing(&entry, calls.contains_key(&entry.key)),
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
            self.recorder.breathe().await?;
        }
        ended.error.map_or(Ok(()), Err)
    }

    async fn take(
        &mut self,
        entry: &QueueEntry,
        record: &SourceRecord,
        private: Option<bool>,
        known: &HashMap<RecordKey, Known>,
    ) -> Result<()> {
        let stores = &self.engine.stores;
        self.failures_in_a_row = 0;
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
        let previous = known.get(&record.key);
        let version = judge::version(previous, next.hash, private);
        self.tally.count(&StreamName::CALL_DETAILS, version);
        match previous.filter(|_| version == Version::Same) {
            Some(previous) => self.recorder.confirm(Known { position: previous.position, ..next }),
            None => self.recorder.write(&arrival.entry(), next).await?,
        }
        self.recorder.done(&entry.stream, &entry.key);
        if let Some(again) = judge::after_details(record, entry.attempts, at) {
            self.recorder.queue(again);
        }
        stores.observer.notice(Event::Fetched { stream: StreamName::CALL_DETAILS, records: 1 });
        Ok(())
    }

    /// 404: logged and counted. A tombstone needs a proven listing by time as well.
    fn missing(&mut self, entry: &QueueEntry, listed: bool) {
        self.failures_in_a_row = 0;
        if listed {
            self.tally.warn(format!(
                "call {} was listed but has no details (404): it was deleted meanwhile",
                entry.key
            ));
            return self.recorder.done(&entry.stream, &entry.key);
        }
        let unknown =
            Error::new(Kind::NotFound, "asked for by notification, but the vendor has no such call");
        self.tally.warn(format!("call {}: {unknown}", entry.key));
        self.reject(entry, &unknown);
    }

    /// What failed for good is rejected, what failed for now stays queued, what concerns all ends the phase.
    fn failed(&mut self, entry: QueueEntry, error: Error) -> Result<()> {
        match error.kind() {
            Kind::Refused => self.reject(&entry, &error),
            Kind::Remote | Kind::Protocol => {
                self.tally.holes.push(format!("call {}: {}", entry.key, error.chain()));
                let due_at = self.engine.stores.clock.now() + judge::pause_after(entry.attempts);
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

    fn reject(&mut self, entry: &QueueEntry, error: &Error) {
        self.tally.stream(&StreamName::CALL_DETAILS).rejected += 1;
        self.recorder.done(&entry.stream, &entry.key);
        self.recorder.reject(Rejected {
            stream: entry.stream.clone(),
            key: entry.key.clone(),
            reason: error.chain(),
            at: self.engine.stores.clock.now(),
        });
    }
}

/// How a phase ends before its time: no new request, and a while for those under way.
#[derive(Default)]
struct Ended {
    error: Option<Error>,
    until: Option<Instant>,
}

impl Ended {
    /// The first reason counts.
    fn early(&mut self, error: Error) {
        self.error.get_or_insert(error);
        self.until.get_or_insert_with(|| Instant::now() + IN_FLIGHT);
    }

    async fn bound<T>(&self, next: impl Future<Output = Option<T>>) -> Option<T> {
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
