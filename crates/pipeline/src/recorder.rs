//! Data, then progress: the only way anything extracted becomes durable.
//!
//! Invariant: state is committed only after the journal segment that covers it is durable. A crash in between
//! leaves a segment that the state store does not know; the next start adopts it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use chrono::Duration;
use clarion_core::{
    Backfill, Checkpoint, Declaration, Entry, Event, Fence, Fingerprinter, Known, Lead, Position, Progress,
    Purged, QueueEntry, RecordKey, Rejected, Result, RunId, SegmentInfo, Slice, SourceRecord, StreamName,
    Timestamp, fault,
};

use crate::about::{is_chained, without_purged};
use crate::declared::Leads;
use crate::engine::{Stores, Writer};

/// Raw bytes after which a segment is cut: small enough to hold in memory, large enough to compress well.
const SEGMENT_BYTES: u64 = 8 << 20;
/// Time after which a segment is cut at the next record, so that progress is never far behind.
const SEGMENT_AGE: Duration = Duration::seconds(30);
/// The header is line 1.
const FIRST_LINE: u32 = 2;

type Key = (StreamName, RecordKey);

/// Appends to the journal and gathers the progress that goes with it.
pub(crate) struct Recorder {
    pub(crate) stores: Stores,
    pub(crate) prints: Fingerprinter,
    run: RunId,
    fence: Fence,
    checkpoint: Checkpoint,
    purged: Option<Purged>,
    /// Since when other column rules hold for calls than when older ones were journalled.
    ruled_since: Option<Timestamp>,
    /// Records that could not be fetched before.
    unfetched: HashMap<Key, Vec<Rejected>>,
    leads: Leads,
    pending: Pending,
    opened_at: Option<Timestamp>,
}

/// Progress that waits for its segment.
#[derive(Default)]
struct Pending {
    known: HashMap<Key, Known>,
    queued: BTreeMap<Key, QueueEntry>,
    done: BTreeMap<Key, ()>,
    progress: Progress,
    records: u32,
}

impl Recorder {
    pub(crate) async fn open(stores: &Stores, writer: &Writer) -> Result<Self> {
        Ok(Self {
            stores: stores.clone(),
            prints: Fingerprinter::new(stores.state.paths().await?),
            run: writer.run.clone(),
            fence: writer.fence,
            checkpoint: stored_checkpoint(stores).await?,
            purged: stores.state.purged().await?,
            ruled_since: stores.state.rules().await?.since(&StreamName::CALLS),
            unfetched: unfetched(stores).await?,
            leads: Leads::of(&stores.declared, &stores.rules),
            pending: Pending::default(),
            opened_at: None,
        })
    }

    /// Whether a call was removed for good: what the vendor still says of it is passed over.
    pub(crate) fn is_purged(&self, call: &RecordKey) -> bool {
        self.purged.as_ref().is_some_and(|purged| purged.contains(call))
    }

    /// A record of another stream as far as it says nothing of such calls; `None` if it is about one.
    pub(crate) fn without_purged(&self, stream: &Declaration, record: SourceRecord) -> Option<SourceRecord> {
        without_purged(self.purged.as_ref(), record, is_chained(stream, &self.stores.declared))
    }

    /// The call as it may be compared with what the list shows now: its fingerprint says nothing if it was taken under
    /// other column rules.
    pub(crate) fn comparable<'k>(&self, previous: Option<&'k Known>) -> Option<Cow<'k, Known>> {
        let previous = previous?;
        let outdated = self.ruled_since.is_some_and(|since| previous.checked_at < since);
        if outdated && !fault::defect("pipeline.rules_are_change") {
            return Some(Cow::Owned(Known { fingerprint: 0, paths: 0, ..previous.clone() }));
        }
        Some(Cow::Borrowed(previous))
    }

    pub(crate) fn generation(&self) -> u32 {
        self.checkpoint.generation
    }

    pub(crate) fn cursor(&self, name: &str) -> Option<Timestamp> {
        self.checkpoint.cursors.get(name).copied()
    }

    pub(crate) fn mark(&self, name: &str) -> Option<&str> {
        self.checkpoint.marks.get(name).map(String::as_str)
    }

    /// Whether all of history was listed once: what comes to light after that is new.
    pub(crate) fn has_history(&self) -> bool {
        self.cursor(crate::calls::FORWARD).is_some()
    }

    pub(crate) fn slices(&self) -> &[Slice] {
        &self.checkpoint.slices
    }

    /// What is known of these records, what waits for its segment included.
    pub(crate) async fn known(
        &self,
        stream: &StreamName,
        keys: &[RecordKey],
    ) -> Result<HashMap<RecordKey, Known>> {
        let mut known = self.stores.state.known(stream, keys).await?;
        if !self.pending.known.is_empty() {
            for key in keys {
                if let Some(newer) = self.pending.known.get(&(stream.clone(), key.clone())) {
                    known.insert(key.clone(), newer.clone());
                }
            }
        }
        Ok(known)
    }

    /// Appends a new version of a record.
    pub(crate) async fn write(&mut self, entry: &Entry, known: Known) -> Result<()> {
        self.stores.journal.append(entry).await?;
        self.accept(&known);
        fault::point("pipeline.appended");
        self.note_leads(entry);
        self.note_line(known);
        Ok(())
    }

    /// Notes what a record names that other streams are to be asked for.
    pub(crate) fn note_leads(&mut self, entry: &Entry) {
        for lead in self.leads.find(entry) {
            self.lead(lead);
        }
    }

    /// Notes that a record of an adopted segment was the answer to a lead.
    pub(crate) fn note_answer(&mut self, entry: &Entry) {
        self.pending.progress.leads.extend(self.leads.answered(entry));
    }

    pub(crate) fn lead(&mut self, lead: Lead) {
        if !self.is_purged(&lead.key) {
            self.pending.progress.leads.push(lead);
        }
    }

    /// Cuts the segment when it is large or old enough. Called between records, when the progress gathered so far
    /// is covered by the records appended so far.
    pub(crate) async fn breathe(&mut self) -> Result<()> {
        let now = self.stores.clock.now();
        let opened_at = *self.opened_at.get_or_insert(now);
        let full = self.stores.journal.open_bytes() >= SEGMENT_BYTES;
        if full || now - opened_at >= SEGMENT_AGE { self.flush().await } else { Ok(()) }
    }

    /// A version that the journal has already was confirmed; its position stays.
    pub(crate) fn confirm(&mut self, known: Known) {
        self.accept(&known);
        self.pending.known.insert((known.stream.clone(), known.key.clone()), known);
    }

    pub(crate) fn queue(&mut self, entry: QueueEntry) {
        self.pending.queued.insert((entry.stream.clone(), entry.key.clone()), entry);
    }

    pub(crate) fn done(&mut self, stream: &StreamName, key: &RecordKey) {
        let key = (stream.clone(), key.clone());
        self.pending.queued.remove(&key);
        self.pending.done.insert(key, ());
    }

    pub(crate) fn reject(&mut self, rejected: Rejected) {
        self.pending.progress.rejected.push(rejected);
    }

    /// A record came in that could not be fetched before.
    fn accept(&mut self, known: &Known) {
        if !self.unfetched.is_empty()
            && let Some(letters) = self.unfetched.remove(&(known.stream.clone(), known.key.clone()))
        {
            self.pending.progress.accepted.extend(letters);
        }
    }

    pub(crate) fn set_cursor(&mut self, name: &str, at: Timestamp) {
        let stored = self.checkpoint.cursors.entry(name.to_owned()).or_insert(at);
        *stored = at.max(*stored);
        self.pending.progress.cursors.insert(name.to_owned(), *stored);
    }

    /// An empty mark is none.
    pub(crate) fn set_mark(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.checkpoint.marks.remove(name);
        } else {
            self.checkpoint.marks.insert(name.to_owned(), value.to_owned());
        }
        self.pending.progress.marks.insert(name.to_owned(), value.to_owned());
    }

    /// A planted defect: the marks so far, before the records that they speak of are durable.
    pub(crate) async fn commit_marks(&mut self) -> Result<()> {
        let marks = std::mem::take(&mut self.pending.progress.marks);
        self.stores.state.commit(self.fence, Progress { marks, ..Progress::default() }).await
    }

    pub(crate) fn add_slice(&mut self, slice: Slice) {
        self.checkpoint.slices.push(slice.clone());
        self.pending.progress.slices.push(slice);
    }

    pub(crate) fn backfills(&self) -> &[Backfill] {
        &self.checkpoint.backfills
    }

    pub(crate) fn set_backfill(&mut self, job: &Backfill) {
        for jobs in [&mut self.checkpoint.backfills, &mut self.pending.progress.backfills] {
            jobs.retain(|other| other.id != job.id);
            jobs.push(job.clone());
        }
    }

    /// What these records are queued for, as far as it waits for its segment.
    pub(crate) fn queued(&self, stream: &StreamName, keys: &[RecordKey]) -> Vec<QueueEntry> {
        let of_key = |key: &RecordKey| self.pending.queued.get(&(stream.clone(), key.clone())).cloned();
        keys.iter().filter_map(of_key).collect()
    }

    pub(crate) fn set_generation(&mut self, generation: u32) {
        self.checkpoint.generation = generation;
        self.pending.progress.generation = Some(generation);
    }

    /// Makes everything so far durable: first the segment, then the progress.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        if fault::defect("pipeline.progress_first") {
            let early = std::mem::take(&mut self.pending).into_progress(None, BTreeMap::new());
            self.stores.state.commit(self.fence, early).await?;
            fault::point("pipeline.cut");
        }
        let now = self.stores.clock.now();
        if self.pending.records > 0 {
            self.checkpoint.ledger = self.stores.ledger.week(now).await?.spent;
        }
        if self.pending.records > 0 {
            still_ours(&self.stores, self.fence).await?;
        }
        let segment = self.stores.journal.cut(&self.run, self.checkpoint.clone()).await?;
        fault::point("pipeline.cut");
        self.commit(segment).await
    }

    /// Takes in a segment that the state store does not know; its lines were noted before.
    pub(crate) async fn adopt(&mut self, segment: SegmentInfo, checkpoint: Checkpoint) -> Result<()> {
        for (name, at) in checkpoint.cursors {
            self.set_cursor(&name, at);
        }
        let gone: Vec<String> = self
            .checkpoint
            .marks
            .keys()
            .filter(|name| !checkpoint.marks.contains_key(*name))
            .cloned()
            .collect();
        gone.iter().for_each(|name| self.set_mark(name, ""));
        for (name, value) in &checkpoint.marks {
            self.set_mark(name, value);
        }
        for slice in checkpoint.slices {
            if !self.checkpoint.slices.contains(&slice) {
                self.add_slice(slice);
            }
        }
        for job in checkpoint.backfills {
            if !self.checkpoint.backfills.iter().any(|known| known.id == job.id && known.spent > job.spent) {
                self.set_backfill(&job);
            }
        }
        if checkpoint.generation > self.checkpoint.generation {
            self.set_generation(checkpoint.generation);
        }
        self.commit(Some(segment)).await
    }

    /// Notes a record that stands on the next line of the segment in hand.
    pub(crate) fn note_line(&mut self, mut known: Known) {
        known.position = Position::new(u64::MAX, FIRST_LINE + self.pending.records);
        self.pending.records += 1;
        self.pending.known.insert((known.stream.clone(), known.key.clone()), known);
    }

    /// Passes over a line of an adopted segment that holds no record any more.
    pub(crate) fn skip_line(&mut self) {
        self.pending.records += 1;
    }

    async fn commit(&mut self, segment: Option<SegmentInfo>) -> Result<()> {
        let cut =
            segment.as_ref().map(|info| Event::SegmentCut { segment: info.number, bytes: info.stored_bytes });
        let progress = std::mem::take(&mut self.pending).into_progress(segment, self.prints.take_fresh());
        self.opened_at = None;
        if !progress.is_empty() {
            self.stores.state.commit(self.fence, progress).await?;
            fault::point("pipeline.committed");
        }
        if let Some(event) = cut {
            self.stores.observer.notice(event);
        }
        Ok(())
    }
}

impl Pending {
    fn into_progress(self, segment: Option<SegmentInfo>, paths: BTreeMap<String, u32>) -> Progress {
        let number = segment.as_ref().map_or(0, |info| info.number);
        let settle = |mut known: Known| {
            if known.position.segment == u64::MAX {
                known.position.segment = number;
            }
            known
        };
        Progress {
            segment,
            known: self.known.into_values().map(settle).collect(),
            done: self.done.into_keys().collect(),
            queued: self.queued.into_values().collect(),
            paths,
            ..self.progress
        }
    }
}

async fn unfetched(stores: &Stores) -> Result<HashMap<Key, Vec<Rejected>>> {
    let mut unfetched: HashMap<Key, Vec<Rejected>> = HashMap::new();
    for letter in stores.state.rejected_by(None).await? {
        unfetched.entry((letter.stream.clone(), letter.key.clone())).or_default().push(letter);
    }
    Ok(unfetched)
}

/// Refuses to go on once somebody else has taken the lease: the state store knows of that before any other does.
pub(crate) async fn still_ours(stores: &Stores, fence: Fence) -> Result<()> {
    if fault::defect("pipeline.no_fence") {
        return Ok(());
    }
    stores.state.commit(fence, Progress::default()).await
}

/// Cursors, slices and generation as the state store has them.
pub(crate) async fn stored_checkpoint(stores: &Stores) -> Result<Checkpoint> {
    Ok(Checkpoint {
        cursors: stores.state.cursors().await?,
        marks: stores.state.marks().await?,
        slices: stores.state.slices(&StreamName::CALLS).await?,
        generation: stores.state.generation().await?,
        ledger: Vec::new(),
        backfills: stores.state.backfills().await?,
    })
}
