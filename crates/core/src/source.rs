//! The source's port: listings that prove themselves, details, declared streams.

use std::collections::BTreeMap;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{Bindings, Declaration, Purpose, RecordKey, Result, Timestamp};

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

    /// Reads the records of a declared stream: all of one read, which its bindings tell from the others.
    ///
    /// # Behavior
    /// - Pages go to `sink` as they come. A record may be given more than once, also when the list shifted and is
    ///   read again.
    /// - A record's key is its one key field as text, or the JSON array of its key fields, which are texts, numbers
    ///   or booleans. A record that lacks one of them is nameless ([`RecordKey::is_nameless`]).
    /// - Bytes of a record are verbatim; `adds` and `_metadata` follow the vendor's fields.
    /// - `Complete` means that the server gave all it says there is. Where offsets do not reach, or where rows kept
    ///   shifting, it is `Unproven`; a server that does not do what was asked is `Protocol`.
    /// - `Missing` is a 404 of a stream that is read by id; `Unavailable` a 404 or 403 of any other endpoint that the
    ///   contract does not promise. Neither ends anything else.
    /// - Another host than the vendor's gets no credentials, and takes nothing of the vendor's quota and pace.
    async fn read(&self, ask: ReadRequest<'_>, sink: &mut dyn PageSink) -> Result<ReadEnd>;

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

/// Keeps every page, for lists that are short.
#[derive(Debug, Default)]
pub struct Collected(pub Vec<SourceRecord>);

#[async_trait]
impl PageSink for Collected {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        self.0.extend(records);
        Ok(())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    pub window: Window,
    pub visibility: Visibility,
    pub purpose: Purpose,
    /// Only for `ByTime`; 0 = to the end of the window.
    pub max_rows: u64,
}

/// One read of a declared stream.
#[derive(Debug, Clone, Copy)]
pub struct ReadRequest<'a> {
    pub stream: &'a Declaration,
    pub bindings: &'a Bindings,
    pub purpose: Purpose,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadEnd {
    Complete,
    /// There is no such record.
    Missing,
    /// There is no such endpoint on this workspace.
    Unavailable {
        status: u16,
    },
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
