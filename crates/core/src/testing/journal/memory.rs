//! A journal without a disk.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{
    Checkpoint, Clock, Entry, Error, Fence, IndexLine, Journal, JournalId, Kind, Purged, Result, RunId,
    SegmentHeader, SegmentInfo, SegmentNo, content_hash,
};

/// The journal's double in memory. Its disk outlives it: [`MemoryJournal::reopen`] is the next process on it.
pub struct MemoryJournal {
    clock: Arc<dyn Clock>,
    disk: Arc<Mutex<Disk>>,
    process: u64,
    fence: AtomicU64,
}

#[derive(Default)]
struct Disk {
    fence: Fence,
    id: Option<JournalId>,
    purged: Option<Purged>,
    processes: u64,
    open: Option<OpenSegment>,
    segments: Vec<Stored>,
}

type Stored = (SegmentInfo, SegmentHeader, Vec<Option<Entry>>);

#[derive(Default)]
struct OpenSegment {
    process: u64,
    entries: Vec<Entry>,
}

impl MemoryJournal {
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, disk: Arc::default(), process: 0, fence: AtomicU64::new(0) }
    }

    /// Another process on the same disk; this one counts as dead.
    pub fn reopen(&self) -> Self {
        let mut disk = self.disk();
        disk.processes += 1;
        Self {
            clock: Arc::clone(&self.clock),
            disk: Arc::clone(&self.disk),
            process: disk.processes,
            fence: AtomicU64::new(0),
        }
    }

    /// Refuses a fence lower than one that has written; `raise`: this one is about to write.
    fn pass(&self, disk: &mut Disk, raise: bool) -> Result<()> {
        let fence = self.fence.load(Ordering::Relaxed);
        if fence < disk.fence {
            return Err(Error::new(Kind::Conflict, "a later writer has taken over this journal"));
        }
        if raise {
            disk.fence = fence;
        }
        Ok(())
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Not random, but no two journals of a process are the same.
    fn begin(disk: &mut Disk) -> JournalId {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let next = || JournalId::from_random(u128::from(NEXT.fetch_add(1, Ordering::Relaxed)).to_be_bytes());
        disk.purged.get_or_insert_with(|| Purged::with_key([1; 32]));
        disk.id.get_or_insert_with(next).clone()
    }

    fn close(&self, disk: &mut Disk, run: &RunId, checkpoint: Checkpoint) -> Option<SegmentInfo> {
        let entries = disk.open.take()?.entries;
        let raw_bytes = entries.iter().map(size).sum();
        let text: Vec<u8> = entries.iter().flat_map(|entry| entry.data.iter().copied()).collect();
        let info = SegmentInfo {
            number: disk.segments.len() as u64 + 1,
            records: u32::try_from(entries.len()).expect("a test has few records"),
            raw_bytes,
            stored_bytes: raw_bytes,
            checksum: format!("{:016x}", content_hash(&text)),
        };
        let header = SegmentHeader {
            format: 1,
            workspace: "memory".to_owned(),
            journal: Some(Self::begin(disk)),
            run_id: run.clone(),
            created_at: self.clock.now(),
            raw_bytes,
            checksum: info.checksum.clone(),
            checkpoint,
            replaces: Vec::new(),
            index: entries.iter().map(|entry| Some(IndexLine::of(entry))).collect(),
        };
        disk.segments.push((info.clone(), header, entries.into_iter().map(Some).collect()));
        Some(info)
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    async fn id(&self) -> Result<Option<JournalId>> {
        Ok(self.disk().id.clone())
    }

    async fn claim(&self, fence: Fence) -> Result<()> {
        if fence < self.disk().fence {
            return Err(Error::new(Kind::Conflict, "a later writer has taken over this journal"));
        }
        self.fence.fetch_max(fence, Ordering::Relaxed);
        Ok(())
    }

    async fn purged(&self) -> Result<Option<Purged>> {
        Ok(self.disk().purged.clone())
    }

    async fn remember_purged(&self, purged: &Purged) -> Result<()> {
        let mut disk = self.disk();
        self.pass(&mut disk, true)?;
        disk.purged = Some(purged.clone());
        Ok(())
    }

    async fn recover(&self, run: &RunId, checkpoint: Checkpoint) -> Result<()> {
        let mut disk = self.disk();
        let others = disk.open.as_ref().is_some_and(|open| open.process != self.process);
        self.pass(&mut disk, others)?;
        Self::begin(&mut disk);
        if others {
            self.close(&mut disk, run, checkpoint);
        }
        Ok(())
    }

    async fn append(&self, entry: &Entry) -> Result<()> {
        let mut disk = self.disk();
        if disk.open.is_none() {
            self.pass(&mut disk, true)?;
        }
        let open =
            disk.open.get_or_insert_with(|| OpenSegment { process: self.process, entries: Vec::new() });
        if open.process != self.process {
            return Err(Error::new(Kind::Conflict, "the journal has an open segment of another process"));
        }
        open.entries.push(entry.clone());
        Ok(())
    }

    fn open_bytes(&self) -> u64 {
        let disk = self.disk();
        let own = disk.open.as_ref().filter(|open| open.process == self.process);
        own.map_or(0, |open| open.entries.iter().map(size).sum())
    }

    async fn cut(&self, run: &RunId, checkpoint: Checkpoint) -> Result<Option<SegmentInfo>> {
        let mut disk = self.disk();
        if disk.open.as_ref().is_some_and(|open| open.process != self.process) {
            self.pass(&mut disk, false)?;
            return Ok(None);
        }
        let has_records = disk.open.is_some();
        self.pass(&mut disk, has_records)?;
        Ok(self.close(&mut disk, run, checkpoint))
    }

    async fn segments(&self, after: SegmentNo) -> Result<Vec<SegmentInfo>> {
        let disk = self.disk();
        Ok(disk.segments.iter().map(|(info, ..)| info.clone()).filter(|info| info.number > after).collect())
    }

    async fn header(&self, segment: SegmentNo) -> Result<SegmentHeader> {
        let disk = self.disk();
        let (_, header, _) = find(&disk, segment)?;
        Ok(header.clone())
    }

    async fn read(&self, segment: SegmentNo) -> Result<Vec<Option<Entry>>> {
        let disk = self.disk();
        let (.., entries) = find(&disk, segment)?;
        Ok(entries.clone())
    }

    async fn rewrite(&self, segment: SegmentNo, drop: &BTreeSet<u32>) -> Result<SegmentInfo> {
        let mut disk = self.disk();
        self.pass(&mut disk, true)?;
        find(&disk, segment)?;
        let found = disk.segments.iter_mut().find(|(info, ..)| info.number == segment);
        let (info, header, entries) = found.expect("it was found before");
        let before = info.checksum.clone();
        for (line, (entry, index)) in (2_u32..).zip(entries.iter_mut().zip(&mut header.index)) {
            if drop.contains(&line) && entry.take().is_some() {
                *index = None;
                info.checksum = format!("{before}-{line}");
            }
        }
        if info.checksum != before {
            header.replaces.push(before);
            info.raw_bytes = entries.iter().flatten().map(size).sum();
            (info.stored_bytes, header.raw_bytes) = (info.raw_bytes, info.raw_bytes);
            header.checksum.clone_from(&info.checksum);
        }
        Ok(info.clone())
    }
}

fn find(disk: &Disk, segment: SegmentNo) -> Result<&Stored> {
    disk.segments
        .iter()
        .find(|(info, ..)| info.number == segment)
        .ok_or_else(|| Error::new(Kind::Corrupt, "a journal segment is missing").with("segment", segment))
}

/// What the record costs, about: its data and an envelope.
fn size(entry: &Entry) -> u64 {
    100 + entry.data.len() as u64
}
