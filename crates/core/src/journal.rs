//! The journal's port: append-only segments of verbatim records.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Backfill, Entry, Fence, JournalId, Op, Purged, RecordKey, Result, RunId, SegmentNo, Slice, Spent,
    StreamName, Timestamp,
};

#[async_trait]
pub trait Journal: Send + Sync {
    /// Which journal this is; `None` for one that is not begun: nothing was recovered or cut in it yet.
    ///
    /// # Behavior
    /// - Stays the same for as long as a segment is there; a journal that was lost and begun anew has another.
    async fn id(&self) -> Result<Option<JournalId>>;

    /// The calls that were removed for good; `None` for a journal that is not begun.
    async fn purged(&self) -> Result<Option<Purged>>;

    /// Remembers which calls were removed for good, in place of what it remembered before.
    ///
    /// # Behavior
    /// - Durable when this returns, and there again when the state store is lost.
    async fn remember_purged(&self, purged: &Purged) -> Result<()>;

    /// Makes `fence` that of this handle, which changes nothing by itself.
    ///
    /// # Behavior
    /// - `Conflict` if a higher fence has written to the journal.
    /// - As soon as a higher fence has, whatever else this handle is asked to change is `Conflict` and changes nothing
    ///   that another can see: it cuts no segment, touches nobody's open segment and rewrites nothing. What it
    ///   had appended is where the later writer's `recover` found it.
    async fn claim(&self, fence: Fence) -> Result<()>;

    /// Makes whatever a killed process left behind part of the journal.
    ///
    /// # Behavior
    /// - The open segment of a dead process is closed with the complete records found in it, under `run`; a cut-off
    ///   last record is dropped (its request was in flight).
    /// - Doing it again changes nothing.
    async fn recover(&self, run: &RunId, checkpoint: Checkpoint) -> Result<()>;

    /// Appends to the open segment; survives the death of the process, not yet that of the machine.
    async fn append(&self, entry: &Entry) -> Result<()>;

    /// Raw bytes in the open segment; 0 when nothing is open.
    fn open_bytes(&self) -> u64;

    /// Closes the open segment under the next number; durable when this returns. `None` if nothing was appended.
    ///
    /// # Behavior
    /// - Lines keep the order of their appends, the first record on line 2.
    /// - Nothing of the segment is visible under its number before all of it is durable.
    async fn cut(&self, run: &RunId, checkpoint: Checkpoint) -> Result<Option<SegmentInfo>>;

    /// The segments after `after`, in order.
    async fn segments(&self, after: SegmentNo) -> Result<Vec<SegmentInfo>>;

    /// The header alone, without reading the records.
    async fn header(&self, segment: SegmentNo) -> Result<SegmentHeader>;

    /// All records of a segment, line 2 first; an empty line (a dropped record) is `None`.
    ///
    /// # Behavior
    /// - A torn, truncated or altered segment is `Corrupt` and named, never skipped and never partly returned.
    async fn read(&self, segment: SegmentNo) -> Result<Vec<Option<Entry>>>;

    /// Drops the records on these lines of a segment.
    ///
    /// # Behavior
    /// - The segment keeps its number, its run and all its lines: a dropped record leaves an empty one and nothing in
    ///   the header, so that every position stays what it was.
    /// - Killed anywhere inside, the segment afterwards is either as before or as after; the header of the new one
    ///   names the checksums of those whose place it took.
    /// - Dropping what was dropped before changes nothing.
    async fn rewrite(&self, segment: SegmentNo, drop: &BTreeSet<u32>) -> Result<SegmentInfo>;
}

/// A durable segment, as the state store remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentInfo {
    pub number: SegmentNo,
    /// Lines after the header: what positions count, those of dropped records included.
    pub records: u32,
    /// Uncompressed size of the records.
    pub raw_bytes: u64,
    /// Size of the stored file.
    pub stored_bytes: u64,
    /// Of the stored file.
    pub checksum: String,
}

/// Line 1 of a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SegmentHeader {
    pub format: u32,
    pub workspace: String,
    /// The journal it belongs to; `None` where it was written before journals had ids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalId>,
    pub run_id: RunId,
    pub created_at: Timestamp,
    pub raw_bytes: u64,
    /// Of the records, uncompressed.
    pub checksum: String,
    pub checkpoint: Checkpoint,
    /// Checksums of the files that stood under this number before it was rewritten, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replaces: Vec<String>,
    /// One entry a record, in line order from line 2; `None` for a dropped record.
    pub index: Vec<Option<IndexLine>>,
}

/// What a load must know of a record before it reads the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexLine {
    pub stream: StreamName,
    pub key: RecordKey,
    pub op: Op,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Timestamp>,
    /// When a deleted record was found gone; `None` for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<Timestamp>,
}

impl IndexLine {
    pub fn of(entry: &Entry) -> Self {
        Self {
            stream: entry.stream.clone(),
            key: entry.key.clone(),
            op: entry.op,
            time: entry.time,
            deleted_at: (entry.op == Op::Delete).then_some(entry.observed_at),
        }
    }
}

/// The run's progress as it stood, proved, when a segment was cut: enough to rebuild a lost state store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub cursors: BTreeMap<String, Timestamp>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub marks: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub slices: Vec<Slice>,
    #[serde(default)]
    pub generation: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ledger: Vec<Spent>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backfills: Vec<Backfill>,
}
