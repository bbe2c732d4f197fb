//! The state store's port: what is known, what is done, what is still to be done.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Backfill, ChangedKeys, Fence, JournalId, Known, Lead, Purged, QueueEntry, Reason, RecordKey, Result,
    RuleMemory, RunId, SegmentInfo, SegmentNo, StreamName, Timestamp,
};

#[async_trait]
pub trait StateStore: Send + Sync {
    /// Stores a step of progress, all of it or nothing.
    ///
    /// # Behavior
    /// - The caller has made `progress.segment` durable before.
    /// - Cursors never move backwards: the later value stays.
    /// - A `Known` replaces the one of its key unless that has a later position; a queue entry that exists keeps
    ///   the more urgent reason and the earlier due time, and takes the new attempts.
    /// - A `Lead` that is known keeps its later answer; found again it stays as it is. A mark takes the place of the one
    ///   of its name; an empty one is none.
    /// - `done` is applied before `queued`: a key in both stays queued as `queued` says.
    /// - Repeating the same progress changes nothing.
    /// - A `fence` lower than the highest seen is `Conflict`, and nothing is stored.
    async fn commit(&self, fence: Fence, progress: Progress) -> Result<()>;

    /// What is known of these records; unknown keys are absent from the answer.
    async fn known(&self, stream: &StreamName, keys: &[RecordKey]) -> Result<HashMap<RecordKey, Known>>;

    /// Records of a stream that are not gone.
    async fn count_known(&self, stream: &StreamName) -> Result<u64>;

    /// A page of a stream's known records by key, after `after`.
    async fn scan_known(
        &self,
        stream: &StreamName,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<Vec<Known>>;

    /// A page of a stream's records whose time is in `span` and that are not gone, by time and key, after `after` in
    /// that order.
    async fn known_in(
        &self,
        stream: &StreamName,
        span: Span,
        after: Option<&Known>,
        limit: u32,
    ) -> Result<Vec<Known>>;

    /// Records of a stream that are gone and were last looked at since `since`.
    async fn count_gone(&self, stream: &StreamName, since: Timestamp) -> Result<u64>;

    /// Due entries in order of priority, then time (newest first, none last), then key; after `after` in that order.
    async fn due(&self, now: Timestamp, after: Option<&QueueEntry>, limit: u32) -> Result<Vec<QueueEntry>>;

    /// Entries of the queue by reason, and how many of them are due.
    async fn queue_depth(&self, now: Timestamp) -> Result<BTreeMap<Reason, (u64, u64)>>;

    async fn cursors(&self) -> Result<BTreeMap<String, Timestamp>>;

    /// Progress that is no time, by name: cursors of the vendor's own, and what is known of a stream.
    async fn marks(&self) -> Result<BTreeMap<String, String>>;

    /// A page of what a stream was never asked for, or last before `before`; the longest ago first, then by key, after
    /// `after` in that order.
    async fn leads(
        &self,
        stream: &StreamName,
        before: Timestamp,
        after: Option<&Lead>,
        limit: u32,
    ) -> Result<Vec<Lead>>;

    /// How many leads a stream has, and how many of them [`StateStore::leads`] would give.
    async fn count_leads(&self, stream: &StreamName, before: Timestamp) -> Result<(u64, u64)>;

    /// Proved slices of a stream, by their start.
    async fn slices(&self, stream: &StreamName) -> Result<Vec<Slice>>;

    /// Leaves a historical load for whoever writes; needs no lease.
    ///
    /// # Behavior
    /// - A job of the same id that has not ended stays as it is; one that has ended is replaced.
    async fn ask_backfill(&self, job: &Backfill) -> Result<()>;

    /// Historical loads, the oldest first.
    async fn backfills(&self) -> Result<Vec<Backfill>>;

    /// Field paths with their ordinals, for the fingerprints.
    async fn paths(&self) -> Result<BTreeMap<String, u32>>;

    /// The generation under way; 0 before the first.
    async fn generation(&self) -> Result<u32>;

    /// The journal that the store belongs to, once it was told.
    async fn journal(&self) -> Result<Option<JournalId>>;

    /// The calls that were removed for good, as the journal remembers them too.
    async fn purged(&self) -> Result<Option<Purged>>;

    /// What is remembered of the column rules; nothing before the first run.
    async fn rules(&self) -> Result<RuleMemory>;

    /// Forgets records for good.
    ///
    /// # Behavior
    /// - Nothing of them is left: what is known, queued, rejected or to be asked for, nor what runs reported of them; nor, where the
    ///   store is a file, among the bytes that are no longer used.
    /// - Doing it again changes nothing, and finishes what a killed process began.
    /// - A `fence` lower than the highest seen is `Conflict`, and nothing is removed.
    async fn purge(&self, fence: Fence, keys: &ChangedKeys) -> Result<()>;

    /// Whether segments are being rewritten: what the store knows of them may be of before.
    async fn is_rewriting(&self) -> Result<bool>;

    /// Segments that the store knows, after `after`.
    async fn segments(&self, after: SegmentNo) -> Result<Vec<SegmentInfo>>;

    /// The latest rejections, whoever they are by.
    async fn rejected(&self, limit: u32) -> Result<Vec<Rejected>>;

    /// All rejections by one destination, or with `None` those of records that could not be fetched.
    async fn rejected_by(&self, destination: Option<&str>) -> Result<Vec<Rejected>>;

    /// By stream how many records are rejected.
    async fn count_rejected(&self) -> Result<BTreeMap<StreamName, u64>>;

    /// Inserts or replaces a run by its id.
    ///
    /// # Behavior
    /// - Of syncs, and of all other runs, the latest 500 stay. That a record could not be fetched is forgotten
    ///   if it has not come again for 30 days before the run began.
    async fn save_run(&self, run: &RunRecord) -> Result<()>;

    /// The latest runs, newest first.
    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>>;

    /// The latest runs of the kinds `sync` and `sync --full`, newest first.
    async fn syncs(&self, limit: u32) -> Result<Vec<RunRecord>>;
}

/// A span of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive; open to the future if `None`.
    pub to: Option<Timestamp>,
}

/// One step forward, stored only after the segment that covers it is durable.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// The journal that all of this is about.
    pub journal: Option<JournalId>,
    /// In place of what was stored before.
    pub purged: Option<Purged>,
    /// In place of what was stored before.
    pub rules: Option<RuleMemory>,
    /// Whether segments are being rewritten from now on.
    pub rewriting: Option<bool>,
    pub segment: Option<SegmentInfo>,
    pub known: Vec<Known>,
    pub done: Vec<(StreamName, RecordKey)>,
    pub queued: Vec<QueueEntry>,
    pub cursors: BTreeMap<String, Timestamp>,
    pub marks: BTreeMap<String, String>,
    pub leads: Vec<Lead>,
    pub slices: Vec<Slice>,
    /// New field paths with their ordinals.
    pub paths: BTreeMap<String, u32>,
    pub generation: Option<u32>,
    /// Each replaces the one of its id.
    pub backfills: Vec<Backfill>,
    /// Rejections that are over; applied before `rejected`.
    pub accepted: Vec<Rejected>,
    /// One that is there keeps its beginning, and counts one attempt more if it is later.
    pub rejected: Vec<Rejected>,
}

impl Progress {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A span of call times of which every call was listed, and that was proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slice {
    pub stream: StreamName,
    /// Inclusive.
    pub from: Timestamp,
    /// Exclusive; open to the future if `None`.
    pub to: Option<Timestamp>,
    pub proved_at: Timestamp,
    pub rows: u64,
}

/// A dead letter: a record or a value that could not be taken as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    pub stream: StreamName,
    pub key: RecordKey,
    pub reason: String,
    /// The destination that it could not be loaded into as it is; `None` if it could not be fetched.
    pub destination: Option<String>,
    /// When it happened first.
    pub since: Timestamp,
    /// When it happened last.
    pub at: Timestamp,
    /// How often it happened.
    pub attempts: u64,
}

impl Rejected {
    /// For the first time, as far as whoever says so knows.
    pub fn new(stream: StreamName, key: RecordKey, reason: String, at: Timestamp) -> Self {
        Self { stream, key, reason, destination: None, since: at, at, attempts: 1 }
    }

    #[must_use]
    pub fn by(self, destination: &str) -> Self {
        Self { destination: Some(destination.to_owned()), ..self }
    }

    /// What makes two of them the same: stream, key, destination and reason.
    pub fn id(&self) -> (&StreamName, &RecordKey, Option<&str>, &str) {
        (&self.stream, &self.key, self.destination.as_deref(), &self.reason)
    }
}

/// A run, for `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    pub id: RunId,
    pub kind: String,
    /// `running` until it ended.
    pub outcome: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The run report as JSON.
    pub report: String,
}
