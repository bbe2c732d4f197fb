//! The journal's port on segments in a folder or a bucket.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use clarion_core::{
    Checkpoint, Clock, Entry, Error, Fence, Journal, JournalId, Kind, Purged, Result, RunId, SegmentHeader,
    SegmentInfo, SegmentNo, fault,
};
use clarion_object_storage::Bucket;
use tokio::sync::Mutex;

use crate::fence::Turn;
use crate::recovery::recover_spool;
use crate::rewrite::rewrite;
use crate::segment::{self, Segment};
use crate::store::Store;
use crate::writer::{Stamp, Writer};
use crate::{failure, identity};

/// Read whole to be looked at: some are waited for at a time, few are in memory.
const SEGMENTS_AT_ONCE: usize = 8;

/// The journal in a folder or a bucket. Whoever appends, cuts or recovers holds the lease.
pub struct FileJournal {
    store: Arc<Store>,
    workspace: String,
    clock: Arc<dyn Clock>,
    writer: Arc<Mutex<Writer>>,
    open_bytes: Arc<AtomicU64>,
    fence: AtomicU64,
}

impl FileJournal {
    /// Opens the journal in `folder`, which is made if it does not exist.
    pub fn open(folder: impl AsRef<Path>, workspace: String, clock: Arc<dyn Clock>) -> Result<Self> {
        Ok(Self::on(Store::in_folder(folder.as_ref())?, workspace, clock))
    }

    /// Opens the journal in `bucket`, which is asked nothing yet. The open segment and a lock lie in the folder `own`,
    /// which no other journal has.
    pub fn in_bucket(
        bucket: Bucket,
        own: impl AsRef<Path>,
        workspace: String,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        Ok(Self::on(Store::in_bucket(bucket, own.as_ref())?, workspace, clock))
    }

    fn on(store: Store, workspace: String, clock: Arc<dyn Clock>) -> Self {
        Self {
            store: Arc::new(store),
            workspace,
            clock,
            writer: Arc::default(),
            open_bytes: Arc::default(),
            fence: AtomicU64::new(0),
        }
    }

    fn fence(&self) -> Fence {
        self.fence.load(Ordering::Relaxed)
    }

    fn stamp(&self, run: &RunId, checkpoint: Checkpoint) -> Stamp {
        let created_at = self.clock.now();
        Stamp {
            workspace: self.workspace.clone(),
            journal: None,
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
    async fn claim(&self, fence: Fence) -> Result<()> {
        self.blocking(move |store| Turn::take(store, fence).map(drop)).await?;
        self.fence.fetch_max(fence, Ordering::Relaxed);
        Ok(())
    }

    async fn id(&self) -> Result<Option<JournalId>> {
        self.blocking(|store| Ok(identity::read(store)?.map(|identity| identity.id))).await
    }

    async fn purged(&self) -> Result<Option<Purged>> {
        self.blocking(|store| Ok(identity::read(store)?.and_then(|identity| identity.purged))).await
    }

    async fn remember_purged(&self, purged: &Purged) -> Result<()> {
        let (purged, fence) = (purged.clone(), self.fence());
        self.blocking(move |store| {
            let _turn = Turn::take(store, fence)?.raise()?;
            identity::remember(store, purged)
        })
        .await
    }

    async fn recover(&self, run: &RunId, checkpoint: Checkpoint) -> Result<()> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let mut stamp = self.stamp(run, checkpoint);
        let (open_bytes, fence) = (Arc::clone(&self.open_bytes), self.fence());
        self.blocking(move |store| {
            let turn = Turn::take(store, fence)?;
            let _turn = if store.has_spool() && !writer.has_records() { turn.raise()? } else { turn };
            stamp.journal = Some(identity::begin(store)?.id);
            if writer.has_records() {
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
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        let fence = self.fence();
        let raw_bytes = if writer.has_records() {
            writer.append(&self.store, fence, entry)?
        } else {
            // The first record of a segment waits for the lock, and in a bucket for the store.
            let entry = entry.clone();
            self.blocking(move |store| writer.append(store, fence, &entry)).await?
        };
        self.open_bytes.store(raw_bytes, Ordering::Relaxed);
        fault::point("journal.appended");
        Ok(())
    }

    fn open_bytes(&self) -> u64 {
        self.open_bytes.load(Ordering::Relaxed)
    }

    async fn cut(&self, run: &RunId, checkpoint: Checkpoint) -> Result<Option<SegmentInfo>> {
        let mut writer = Arc::clone(&self.writer).lock_owned().await;
        if writer.is_idle() && self.store.is_shared() {
            // Looking at the fence would be a request each time.
            return Ok(None);
        }
        let mut stamp = self.stamp(run, checkpoint);
        let (open_bytes, fence) = (Arc::clone(&self.open_bytes), self.fence());
        self.blocking(move |store| {
            let turn = Turn::take(store, fence)?;
            let _turn = if writer.has_records() { turn.raise()? } else { turn };
            if writer.has_records() {
                stamp.journal = Some(identity::begin(store)?.id);
            }
            let info = writer.cut(store, stamp)?;
            open_bytes.store(0, Ordering::Relaxed);
            Ok(info)
        })
        .await
    }

    async fn segments(&self, after: SegmentNo) -> Result<Vec<SegmentInfo>> {
        self.blocking(move |store| {
            let numbers = store.list(after)?;
            for (number, expected) in numbers.iter().zip(after + 1..) {
                if *number != expected {
                    return Err(failure::corrupt(&store.segment(expected), "a journal segment is missing"));
                }
            }
            let mut infos = Vec::with_capacity(numbers.len());
            for numbers in numbers.chunks(SEGMENTS_AT_ONCE) {
                for (number, bytes) in numbers.iter().zip(store.get_all(numbers)?) {
                    infos.push(Segment::open(&store.segment(*number), *number, &bytes)?.info(*number));
                }
            }
            Ok(infos)
        })
        .await
    }

    async fn header(&self, segment: SegmentNo) -> Result<SegmentHeader> {
        self.blocking(move |store| {
            let (start, length) = store.get_start(segment)?;
            let header = segment::read_header(&store.segment(segment), segment, &start[..length])?;
            identity::check(store, segment, &header)?;
            Ok(header)
        })
        .await
    }

    async fn read(&self, segment: SegmentNo) -> Result<Vec<Option<Entry>>> {
        self.blocking(move |store| {
            let found = store.get(segment)?;
            let path = store.segment(segment);
            let opened = Segment::open(&path, segment, &found.bytes)?;
            identity::check(store, segment, &opened.header)?;
            opened.entries()
        })
        .await
    }

    async fn rewrite(&self, segment: SegmentNo, drop: &BTreeSet<u32>) -> Result<SegmentInfo> {
        let drop = drop.clone();
        let fence = self.fence();
        self.blocking(move |store| {
            let _turn = Turn::take(store, fence)?.raise()?;
            rewrite(store, segment, &drop)
        })
        .await
    }
}
