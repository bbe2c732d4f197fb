//! Pages of listed calls: compared, journalled, and turned into details requests that are still to be made.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;
use clarion_core::json::Json;
use clarion_core::{
    Event, Known, ListRequest, Observer, PageSink, Reason, RecordKey, Rejected, Result, Source, SourceRecord,
    StreamName, Timestamp, Visibility,
};

use crate::absent::{self, Suspects};
use crate::judge::{self, Version};
use crate::privacy;
use crate::record::Arrival;
use crate::recorder::Recorder;
use crate::tally::Tally;

/// Which of the calls in a listing are public.
pub(crate) enum Publicity {
    /// Listed for the same window, from this moment on: what was there and is not among them is private.
    Listed { public: HashSet<RecordKey>, since: Timestamp },
    /// To be listed as soon as a call turns up whose flag is not known.
    OnDemand { source: Arc<dyn Source>, request: ListRequest },
    /// Private calls are not asked for.
    AllPublic,
}

/// Takes the pages of one pass.
pub(crate) struct CallSink<'r> {
    pub(crate) recorder: &'r mut Recorder,
    pub(crate) tally: &'r mut Tally,
    pub(crate) publicity: Publicity,
    /// Ids of this pass: pages overlap, and a pass may be repeated to prove itself.
    pub(crate) seen: HashSet<RecordKey>,
    /// Why details of calls that are ready for the first time are fetched.
    pub(crate) first: Reason,
    /// Calls that earlier listings did not show.
    pub(crate) suspects: &'r mut Suspects,
}

#[async_trait]
impl PageSink for CallSink<'_> {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        self.take_all(records).await?;
        self.recorder.breathe().await
    }
}

impl CallSink<'_> {
    /// Journals what is new of a page and queues its details, all of it for the segment in hand.
    pub(crate) async fn take_all(&mut self, mut records: Vec<SourceRecord>) -> Result<()> {
        let fetched = records.len() as u64;
        records.retain(|record| self.has_id(record) && !self.is_purged(record));
        let keys: Vec<RecordKey> = records.iter().map(|record| record.key.clone()).collect();
        let known = self.recorder.known(&StreamName::CALLS, &keys).await?;
        if keys.iter().any(|key| known.get(key).is_none_or(|known| known.private.is_none())) {
            self.list_public().await?;
        }
        let flags: Vec<(RecordKey, bool)> =
            records.iter().filter_map(|record| self.flipped(known.get(&record.key)?, record)).collect();
        privacy::pass_on(self.recorder, self.tally, &StreamName::CALL_DETAILS, &flags).await?;
        for record in records {
            self.take(known.get(&record.key), &record).await?;
        }
        self.recorder.stores.observer.notice(Event::Fetched { stream: StreamName::CALLS, records: fetched });
        Ok(())
    }

    /// A call without an id is reported, once a pass, and goes no further.
    fn has_id(&mut self, record: &SourceRecord) -> bool {
        let nameless = record.key.is_nameless();
        if nameless && self.seen.insert(record.key.clone()) {
            reject_nameless(self.recorder, self.tally, &StreamName::CALLS, record);
        }
        !nameless
    }

    /// A call that was removed for good counts as seen, and goes no further.
    fn is_purged(&mut self, record: &SourceRecord) -> bool {
        let purged = self.recorder.is_purged(&record.key);
        if purged {
            self.seen.insert(record.key.clone());
        }
        purged
    }

    async fn take(&mut self, previous: Option<&Known>, record: &SourceRecord) -> Result<()> {
        let now = self.recorder.stores.clock.now();
        let private = self.is_private(record).or_else(|| previous.and_then(|known| known.private));
        let hash = clarion_core::content_hash(&record.data);
        let version = judge::version(previous, hash, private);
        if self.seen.insert(record.key.clone()) || version != Version::Same {
            self.tally.count(&StreamName::CALLS, version);
        }
        if self.suspects.clear(&record.key) {
            self.recorder.done(&StreamName::CALL_DETAILS, &record.key);
        }
        if version == Version::Same {
            if let Some(suspect) = previous.filter(|known| absent::is_suspect(known)) {
                self.recorder.confirm(Known { absent: 0, ..suspect.clone() });
            }
            return Ok(());
        }
        let json = Json::parse(&record.data).unwrap_or(Json::Null);
        let arrival = Arrival {
            stream: &StreamName::CALLS,
            record,
            private,
            at: now,
            fingerprint: self.recorder.prints.take(&json),
            generation: 0,
        };
        let known = arrival.known();
        let comparable = self.recorder.comparable(previous);
        let prints = &self.recorder.prints;
        if let Some(entry) = judge::after_listing(comparable.as_deref(), &known, prints, &json, self.first) {
            self.recorder.queue(entry);
        }
        self.recorder.write(&arrival.entry(), known).await
    }

    /// The new flag of a known call whose privacy changed.
    fn flipped(&self, previous: &Known, record: &SourceRecord) -> Option<(RecordKey, bool)> {
        let private = self.is_private(record)?;
        (previous.private != Some(private)).then(|| (record.key.clone(), private))
    }

    fn is_private(&self, record: &SourceRecord) -> Option<bool> {
        match &self.publicity {
            Publicity::AllPublic => Some(false),
            Publicity::OnDemand { .. } => None,
            Publicity::Listed { public, .. } if public.contains(&record.key) => Some(false),
            // A call that came or changed after the public ones were listed may be public all the same. The next
            // forward pass sees it again and asks.
            Publicity::Listed { since, .. } if record.modified.is_some_and(|at| at >= *since) => None,
            Publicity::Listed { .. } => Some(true),
        }
    }

    async fn list_public(&mut self) -> Result<()> {
        if let Publicity::OnDemand { source, request } = &self.publicity {
            let since = self.recorder.stores.clock.now();
            let public = public_ids(source.as_ref(), request.clone()).await?.0;
            self.publicity = Publicity::Listed { public, since };
        }
        Ok(())
    }
}

/// Reports a record that came without an id: nothing can be stored under it.
pub(crate) fn reject_nameless(
    recorder: &mut Recorder,
    tally: &mut Tally,
    stream: &StreamName,
    record: &SourceRecord,
) {
    tally.stream(stream).rejected += 1;
    let (stream, key, at) = (stream.clone(), record.key.clone(), recorder.stores.clock.now());
    recorder.reject(Rejected::new(stream, key, "the record has no usable id".to_owned(), at));
}

/// The ids that are listed without `includePrivate`, and how far the listing reached.
pub(crate) async fn public_ids(
    source: &dyn Source,
    request: ListRequest,
) -> Result<(HashSet<RecordKey>, Option<Timestamp>)> {
    let mut ids = Ids(HashSet::new());
    let request = ListRequest { visibility: Visibility::PublicOnly, ..request };
    let listed = source.list(request, &mut ids).await?;
    Ok((ids.0, listed.covered_to))
}

struct Ids(HashSet<RecordKey>);

#[async_trait]
impl PageSink for Ids {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        self.0.extend(records.into_iter().map(|record| record.key));
        Ok(())
    }
}

/// Tells the observer that a phase of a stream begins, and that it ended, however it did.
pub(crate) struct Phase<'o> {
    observer: &'o dyn Observer,
    stream: StreamName,
}

impl<'o> Phase<'o> {
    pub(crate) fn begin(observer: &'o dyn Observer, stream: StreamName, expected: Option<u64>) -> Self {
        observer.notice(Event::Started { stream: stream.clone(), expected });
        Self { observer, stream }
    }
}

impl Drop for Phase<'_> {
    fn drop(&mut self) {
        self.observer.notice(Event::Finished { stream: self.stream.clone() });
    }
}
