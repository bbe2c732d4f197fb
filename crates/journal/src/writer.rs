//! What this process has open, and how it becomes a segment.

use clarion_core::{
    Checkpoint, Entry, Error, Fence, JournalId, Kind, Result, Retry, RunId, SegmentHeader, SegmentInfo,
    SegmentNo, Timestamp, fault,
};

use crate::fence::Turn;
use crate::segment::{self, FORMAT};
use crate::spool::{self, Contents, Finished, Spool};
use crate::store::Store;
use crate::{failure, frame};

/// The writing side of a journal.
#[derive(Default)]
pub(crate) struct Writer {
    open: Open,
    /// The highest segment; `None` until it is looked up.
    last: Option<SegmentNo>,
}

#[derive(Default)]
enum Open {
    #[default]
    Nothing,
    /// Never without a record.
    Records(Box<Spool>),
    /// A write failed: the spool holds what was appended before, and only recovery may touch it.
    Broken,
}

/// What a new segment's header says beside its contents.
pub(crate) struct Stamp {
    pub(crate) workspace: String,
    /// Set once the journal is begun.
    pub(crate) journal: Option<JournalId>,
    pub(crate) run_id: RunId,
    pub(crate) created_at: Timestamp,
    pub(crate) checkpoint: Checkpoint,
}

impl Writer {
    pub(crate) fn has_records(&self) -> bool {
        matches!(self.open, Open::Records(_))
    }

    /// Whether nothing was appended since the last cut, and nothing went wrong.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.open, Open::Nothing)
    }

    /// Appends a record and says how many raw bytes are open.
    pub(crate) fn append(&mut self, store: &Store, fence: Fence, entry: &Entry) -> Result<u64> {
        spool::check(entry)?;
        // Whatever goes wrong from here on leaves a spool that only recovery can judge.
        let mut spool = match std::mem::replace(&mut self.open, Open::Broken) {
            Open::Records(spool) => spool,
            Open::Nothing => Box::new(self.begin(store, fence)?),
            Open::Broken => return Err(broken(store)),
        };
        spool.append(entry)?;
        let raw_bytes = spool.raw_bytes();
        self.open = Open::Records(spool);
        Ok(raw_bytes)
    }

    pub(crate) fn cut(&mut self, store: &Store, stamp: Stamp) -> Result<Option<SegmentInfo>> {
        // As above.
        let spool = match std::mem::replace(&mut self.open, Open::Broken) {
            Open::Records(spool) => spool,
            Open::Nothing => {
                self.open = Open::Nothing;
                return Ok(None);
            }
            Open::Broken => return Err(broken(store)),
        };
        let Finished { token, lines, contents } = spool.finish();
        let last = self.last.take().map_or_else(|| store.last(), Ok)?;
        if store.is_spool_outrun(last) {
            return Err(outrun(store, last));
        }
        let info = publish(store, last + 1, stamp, contents, Body { token, lines: &lines })?;
        *self = Self { open: Open::Nothing, last: Some(info.number) };
        Ok(Some(info))
    }

    fn begin(&mut self, store: &Store, fence: Fence) -> Result<Spool> {
        // A spool that could not be made holds nothing of ours.
        self.open = Open::Nothing;
        let _turn = Turn::take(store, fence)?.raise()?;
        store.begin_spool()?;
        let spool = Spool::create(store.spool().to_owned())?;
        self.open = Open::Broken;
        Ok(spool)
    }
}

impl Stamp {
    fn header(self, contents: Contents) -> SegmentHeader {
        SegmentHeader {
            format: FORMAT,
            workspace: self.workspace,
            journal: self.journal,
            run_id: self.run_id,
            created_at: self.created_at,
            raw_bytes: contents.raw_bytes,
            checksum: segment::hex(contents.checksum),
            checkpoint: self.checkpoint,
            replaces: Vec::new(),
            index: contents.index,
        }
    }
}

/// What follows a segment's header.
pub(crate) struct Body<'a> {
    pub(crate) token: frame::Token,
    pub(crate) lines: &'a [u8],
}

/// Makes the spool's contents the segment `number`, then removes the spool, in this order.
pub(crate) fn publish(
    store: &Store,
    number: SegmentNo,
    stamp: Stamp,
    contents: Contents,
    body: Body<'_>,
) -> Result<SegmentInfo> {
    let path = store.segment(number);
    let header = stamp.header(contents);
    let first = segment::header_frame(&path, number, &header)?;
    let records = frame::compress(body.lines)
        .map_err(|error| failure::storage(&path, "cannot compress a segment's records", error))?;
    fault::point("journal.compressed");
    let stored = store.put(number, &[&first, &frame::token_frame(&body.token), &records])?;
    store.remove_spool()?;
    fault::point("journal.spool_removed");
    Ok(segment::info(number, &header, stored.bytes, stored.checksum))
}

/// Only where two machines write to one bucket, which the lease of one of them does not know of.
fn outrun(store: &Store, last: SegmentNo) -> Error {
    Error::new(Kind::Conflict, "another process has written to the journal meanwhile")
        .with("segment", store.segment(last))
        .hint("two processes write to one bucket: end the other one, then run the command again")
}

fn broken(store: &Store) -> Error {
    Error::new(Kind::Storage, "the journal's open segment could not be written before")
        .retry(Retry::Persistent)
        .with("path", store.spool().display())
        .hint("what was appended before is recovered at the next start")
}
