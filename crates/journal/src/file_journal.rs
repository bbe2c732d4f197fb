//! The journal's port on a local folder.

use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use clarion_core::{
    Checkpoint, Clock, Entry, Error, Journal, Kind, Result, Retry, RunId, SegmentHeader, SegmentInfo,
    SegmentNo, Timestamp, fault,
};
use tokio::sync::Mutex;

use crate::salvage::{Salvaged, salvage};
use crate::segment::{self, FORMAT, Segment};
use crate::spool::{Contents, Finished, Spool};
use crate::store::Store;
use crate::{failure, frame};

/// What a header usually fits into, compressed.
const HEADER_BYTES: u64 = 64 * 1024;

/// The journal in a folder. Whoever appends, cuts or recovers holds the lease.
pub struct FileJournal {
    store: Arc<Store>,
    workspace: String,
    clock: Arc<dyn Clock>,
    writer: Arc<Mutex<Writer>>,
    open_bytes: Arc<AtomicU64>,
}

/// What this process has open.
#[derive(Default)]
struct Writer {
    open: Open,
    /// The highest segment; `None` until it is looked up.
    last: Option<SegmentNo>,
}

#[derive(Default)]
enum Open {
    #[default]
    Nothing,
    Records(Box<Spool>),
    /// A write failed: the spool holds what was appended before, and only `recover` may touch it.
    Broken,
}

/// What a new segment's header says beside its contents.
struct Stamp {
    workspace: String,
    run_id: RunId,
    created_at: Timestamp,
    checkpoint: Checkpoint,
}

impl FileJournal {
    /// Opens the journal in `folder`, which is made if it does not exist.
    pub fn open(folder: impl AsRef<Path>, workspace: String, clock: Arc<dyn Clock>) -> Result<Self> {
        let store = Arc::new(Store::open(folder.as_ref())?);
        Ok(Self {
            store,
            workspace,
            clock,
            writer: Arc::default(),
            open_bytes: Arc::default(),
        })
    }

    fn stamp(&self, run: &RunId, checkpoint: Checkpoint) -> Stamp {
        let created_at = self.clock.now();
        Stamp {
            workspace: self.workspace.clone(),
            run_id: run.clone(),
            created_at,
            checkpoint,
        }
    }

    /// Runs work on the files where it blocks nobody. It is finished even if the caller is not there any more.
    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = Arc::clone(&self.store);
        match tokio::task::spawn_blocking(move || work(&store)).await {
            Ok(result) => result,
            Err(error) => {
                Err(Error::new(Kind::Storage, "work on the journal's files was cut off").source(error))
            }
        }
    }
}

#[async_trait]
impl Journal for FileJournal {
    async fn recover(&self, run: &RunId, checkpoint: Checkpoint) -> Result<()> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let stamp = self.stamp(run, checkpoint);
        let open_bytes = Arc::clone(&self.open_bytes);
        self.blocking(move |store| {
            if let Open::Records(_) = writer.open {
                return Ok(());
            }
            store.sweep()?;
            recover_spool(store, stamp)?;
            *writer = Writer::default();
            open_bytes.store(0, Ordering::Relaxed);
            Ok(())
        })
        .await
    }

    async fn append(&self, entry: &Entry) -> Result<()> {
        let mut writer = self.writer.lock().await;
        let spool = writer.spool(&self.store)?;
        spool.check(entry)?;
        let appended = spool.append(entry);
        self.open_bytes.store(spool.raw_bytes(), Ordering::Relaxed);
        if appended.is_err() {
            writer.open = Open::Broken;
        }
        fault::point("journal.appended");
        appended
    }

    fn open_bytes(&self) -> u64 {
        self.open_bytes.load(Ordering::Relaxed)
    }

    async fn cut(&self, run: &RunId, checkpoint: Checkpoint) -> Result<Option<SegmentInfo>> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let stamp = self.stamp(run, checkpoint);
        let open_bytes = Arc::clone(&self.open_bytes);
        self.blocking(move |store| {
            let info = writer.cut(store, stamp)?;
            open_bytes.store(0, Ordering::Relaxed);
            Ok(info)
        })
        .await
    }

    async fn segments(&self, after: SegmentNo) -> Result<Vec<SegmentInfo>> {
        self.blocking(move |store| {
            let numbers: Vec<SegmentNo> = store
                .list()?
                .into_iter()
                .filter(|number| *number > after)
                .collect();
            for (number, expected) in numbers.iter().zip(after + 1..) {
                if *number != expected {
                    return Err(failure::corrupt(
                        &store.segment(expected),
                        "a journal segment is missing",
                    ));
                }
            }
            numbers.into_iter().map(|number| info(store, number)).collect()
        })
        .await
    }

    async fn header(&self, segment: SegmentNo) -> Result<SegmentHeader> {
        self.blocking(move |store| {
            let (start, length) = header_bytes(store, segment)?;
            segment::read_header(&store.segment(segment), segment, &start[..length])
        })
        .await
    }

    async fn read(&self, segment: SegmentNo) -> Result<Vec<Option<Entry>>> {
        self.blocking(move |store| {
            let bytes = store.get(segment)?;
            Segment::open(&store.segment(segment), segment, &bytes)?.entries()
        })
        .await
    }
}

impl Writer {
    fn spool(&mut self, store: &Store) -> Result<&mut Spool> {
        if let Open::Nothing = self.open {
            let spool = Spool::create(store.spool().to_owned())?;
            self.open = Open::Records(Box::new(spool));
        }
        match &mut self.open {
            Open::Records(spool) => Ok(spool),
            Open::Nothing | Open::Broken => Err(broken(store)),
        }
    }

    fn cut(&mut self, store: &Store, stamp: Stamp) -> Result<Option<SegmentInfo>> {
        // Whatever goes wrong from here on leaves a spool that only `recover` can judge.
        let spool = match std::mem::replace(&mut self.open, Open::Broken) {
            Open::Records(spool) => spool,
            Open::Nothing => {
                self.open = Open::Nothing;
                return Ok(None);
            }
            Open::Broken => return Err(broken(store)),
        };
        let Finished { mut file, contents } = spool.finish()?;
        fault::point("journal.spooled");
        let last = self.last.take().map_or_else(|| last_segment(store), Ok)?;
        let info = publish(store, last + 1, stamp, contents, &mut file)?;
        *self = Self {
            open: Open::Nothing,
            last: Some(info.number),
        };
        Ok(Some(info))
    }
}

impl Stamp {
    fn header(self, contents: Contents) -> SegmentHeader {
        SegmentHeader {
            format: FORMAT,
            workspace: self.workspace,
            run_id: self.run_id,
            created_at: self.created_at,
            raw_bytes: contents.raw_bytes,
            checksum: segment::hex(contents.checksum),
            checkpoint: self.checkpoint,
            index: contents.index,
        }
    }
}

/// Makes the spool's contents the segment `number`, then removes the spool, in this order.
fn publish(
    store: &Store,
    number: SegmentNo,
    stamp: Stamp,
    contents: Contents,
    body: &mut dyn Read,
) -> Result<SegmentInfo> {
    let header = stamp.header(contents);
    let frame = segment::header_frame(&store.segment(number), number, &header)?;
    let stored = store.put(number, &frame, body)?;
    store.remove_spool()?;
    fault::point("journal.spool_removed");
    Ok(SegmentInfo {
        number,
        records: segment::record_count(&header),
        raw_bytes: header.raw_bytes,
        stored_bytes: stored.bytes,
        checksum: segment::hex(stored.checksum),
    })
}

/// Turns the spool that a dead process left into a segment, unless that process had done it.
fn recover_spool(store: &Store, stamp: Stamp) -> Result<()> {
    let Some(spool) = store.get_spool()? else {
        return Ok(());
    };
    let last = last_segment(store)?;
    let salvaged = if fault::defect("journal.forget_spool") {
        None
    } else {
        salvage(&spool)
    };
    let Some(Salvaged {
        token,
        lines,
        contents,
        dropped_bytes,
    }) = salvaged
    else {
        return store.remove_spool();
    };
    if is_made_from(store, last, token) && !fault::defect("journal.recover_twice") {
        return store.remove_spool();
    }
    let records = contents.index.len();
    let mut body = frame::token_frame(&token).to_vec();
    let compressed = frame::compress(&lines)
        .map_err(|error| failure::storage(store.spool(), "cannot compress recovered records", error))?;
    body.extend_from_slice(&compressed);
    publish(store, last + 1, stamp, contents, &mut Cursor::new(body))?;
    tracing::info!(
        segment = last + 1,
        records,
        dropped_bytes,
        "recovered the journal's open segment"
    );
    Ok(())
}

/// Whether segment `number` was made from the spool with this token. One that cannot be read counts as not: the
/// records are then there twice at worst, which is harmless, and none is lost.
fn is_made_from(store: &Store, number: SegmentNo, token: frame::Token) -> bool {
    if number == 0 {
        return false;
    }
    let found = header_bytes(store, number).and_then(|(_, length)| {
        let start = store.get_prefix(number, (length + frame::MARK_LEN) as u64)?;
        Ok(start.get(length..).and_then(frame::token))
    });
    match found {
        Ok(found) => found == Some(token),
        Err(error) => {
            tracing::warn!(segment = number, error = %error.chain(), "cannot read the journal's last segment");
            false
        }
    }
}

fn info(store: &Store, number: SegmentNo) -> Result<SegmentInfo> {
    let bytes = store.get(number)?;
    Ok(Segment::open(&store.segment(number), number, &bytes)?.info(number))
}

/// The start of a segment, long enough for its header frame, and the length of that.
fn header_bytes(store: &Store, number: SegmentNo) -> Result<(Vec<u8>, usize)> {
    let mut length = HEADER_BYTES;
    loop {
        let start = store.get_prefix(number, length)?;
        if let Some(end) = frame::first_frame_len(&start) {
            return Ok((start, end));
        }
        if (start.len() as u64) < length {
            return Err(segment::bad_header(&store.segment(number)));
        }
        length *= 4;
    }
}

fn last_segment(store: &Store) -> Result<SegmentNo> {
    Ok(store.list()?.last().copied().unwrap_or(0))
}

fn broken(store: &Store) -> Error {
    Error::new(
        Kind::Storage,
        "the journal's open segment could not be written before",
    )
    .retry(Retry::Persistent)
    .with("path", store.spool().display())
    .hint("what was appended before is recovered at the next start")
}
