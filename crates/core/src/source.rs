//! The source's port: listings that prove themselves, details, snapshots.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Purpose, RecordKey, Result, StreamName, Timestamp};

#[async_trait]
pub trait Source: Send + Sync {
    /// Lists calls of a window and proves that none was missed.
    ///
    /// # Behavior
    /// - Pages go to `sink` as they come, in order of the call's time. A record may be given more than once, also
    ///   when the pass is repeated to prove it; every call of the window that nothing touched is given.
    /// - Returning means proved: `matched` did not exceed the ids seen in this pass. What cannot be proved after
    ///   three passes and a split is `Unproven`, naming the window.
    /// - A server that does not do what was asked is `Protocol`, never success.
    /// - A by-time window stops at a time boundary after about `max_rows` rows; `covered_to` says where.
    async fn list(&self, request: ListRequest, sink: &mut dyn PageSink) -> Result<Listed>;

    /// How many calls the vendor says match; one request.
    async fn count(&self, window: &Window, visibility: Visibility, purpose: Purpose) -> Result<u64>;

    /// The details of one call.
    async fn details(&self, id: &RecordKey, purpose: Purpose) -> Result<Fetched>;

    /// All records of a snapshot stream (`users`).
    async fn snapshot(&self, stream: &StreamName, purpose: Purpose) -> Result<Vec<SourceRecord>>;

    /// One request that shows whether the credentials work.
    async fn check(&self) -> Result<()>;

    /// The requests of this process so far.
    fn usage(&self) -> Usage;

    /// Lets nothing leave any more.
    ///
    /// # Behavior
    /// - What waits to be sent, or to be sent again, ends as `Interrupted`; what was sent comes to its end.
    fn halt(&self);

    /// Books with the ledger what has not been booked yet.
    async fn settle(&self) -> Result<()>;
}

/// Takes the pages of a listing.
#[async_trait]
pub trait PageSink: Send {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()>;
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    pub window: Window,
    pub visibility: Visibility,
    pub purpose: Purpose,
    /// Only for `ByTime`; 0 = to the end of the window.
    pub max_rows: u64,
}

/// What to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Window {
    /// Calls whose `last_modified_time` is in (after, before): what changed status.
    Modified { after: Timestamp, before: Timestamp },
    /// Calls whose time is in [from, to); open to the future without `to`.
    ByTime { from: Timestamp, to: Option<Timestamp> },
    /// Every call that has a time before this one; only for `count`.
    Before(Timestamp),
    /// Calls without any bound: with `count` all, with `list` only those without a time.
    Everything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Private calls too.
    All,
    PublicOnly,
}

/// A record as the vendor sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceRecord {
    pub key: RecordKey,
    pub time: Option<Timestamp>,
    pub modified: Option<Timestamp>,
    pub status: Option<String>,
    /// Whether transcript and summary are there, see [`crate::has_content`].
    pub has_content: bool,
    /// Verbatim, on one line.
    pub data: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Exclusive end of the time span that was listed and proved; `None` = the whole window.
    pub covered_to: Option<Timestamp>,
    /// Distinct ids seen in the proving pass.
    pub seen: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    Record(SourceRecord),
    /// 404.
    Missing,
}

/// Requests made, retries included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub total: u64,
    pub by_stream: BTreeMap<String, u64>,
    pub by_purpose: BTreeMap<String, u64>,
    pub retried: u64,
    pub rate_limited: u64,
}
