//! The parts of a journal by name: segments by number, its identity, and the open segment, which is always on the own
//! disk.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use clarion_core::{Error, JournalId, Result, SegmentNo, fault};
use clarion_object_storage::{Bucket, Version};
use xxhash_rust::xxh3::Xxh3;

use crate::shelf::{BucketShelf, FolderShelf, Found, Shelf, create_synced};
use crate::{failure, frame, segment};

const SEGMENTS: &str = "segments";
const IDENTITY: &str = "journal.json";
const SUFFIX: &str = ".ndjson.zst";
/// What a header usually fits into, compressed.
const START_BYTES: u64 = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Store {
    shelf: Box<dyn Shelf>,
    spool: PathBuf,
    /// Beside the spool of a journal that others may write to as well: the number that its segment would get.
    claim: Option<PathBuf>,
    /// A segment that was seen: there are none missing before it.
    seen: AtomicU64,
    /// Which journal the segments belong to, once it was looked up.
    id: Mutex<Option<JournalId>>,
}

/// What was stored under a segment's number.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) bytes: u64,
    pub(crate) checksum: u128,
}

impl Store {
    /// Makes the folder where there is none and proves that it can be written.
    pub(crate) fn in_folder(folder: &Path) -> Result<Self> {
        let shelf = FolderShelf::new(folder.to_owned());
        Self::new(Box::new(shelf), folder.join("open.ndjson"), None)
    }

    /// `own` is the folder on the own disk.
    pub(crate) fn in_bucket(bucket: Bucket, own: &Path) -> Result<Self> {
        create_synced(own).map_err(|error| {
            failure::storage(own.display(), "cannot write the folder of the journal's open segment", error)
        })?;
        let shelf = BucketShelf::new(bucket, own.join("lock"));
        Self::new(Box::new(shelf), own.join("open.ndjson"), Some(own.join("open.number")))
    }

    fn new(shelf: Box<dyn Shelf>, spool: PathBuf, claim: Option<PathBuf>) -> Result<Self> {
        shelf.prepare()?;
        Ok(Self { shelf, spool, claim, seen: AtomicU64::new(0), id: Mutex::default() })
    }

    pub(crate) fn shelf(&self) -> &dyn Shelf {
        &*self.shelf
    }

    /// Whether others may write to the journal whom this machine's lock does not keep out.
    pub(crate) fn is_shared(&self) -> bool {
        self.claim.is_some()
    }

    /// The identity's file or object, for messages.
    pub(crate) fn identity(&self) -> String {
        self.shelf.shown(IDENTITY)
    }

    /// What names the journal and what was purged from it, if it is there.
    pub(crate) fn get_identity(&self) -> Result<Option<Found>> {
        self.shelf.get(IDENTITY)
    }

    /// Replaces it, in one durable step.
    pub(crate) fn put_identity(&self, text: &[u8], was: &Version) -> Result<()> {
        self.shelf.replace(IDENTITY, &[text], was, ["journal.naming", "journal.named"])
    }

    /// The id as it was looked up first in this process: a segment is checked against it, not against the storage.
    pub(crate) fn id(&self, look: impl FnOnce() -> Result<Option<JournalId>>) -> Result<Option<JournalId>> {
        let mut known = self.id.lock().unwrap_or_else(PoisonError::into_inner);
        // On the own disk looking is cheap, and somebody may have exchanged the folder.
        if known.is_none() || !self.is_shared() {
            *known = look()?;
        }
        Ok(known.clone())
    }

    /// A segment's file or object, for messages.
    pub(crate) fn segment(&self, number: SegmentNo) -> String {
        self.shelf.shown(&name(number))
    }

    /// The numbers of all segments after `after`, ascending.
    pub(crate) fn list(&self, after: SegmentNo) -> Result<Vec<SegmentNo>> {
        let from = if after == 0 { String::new() } else { file_name(after) };
        let names = self.shelf.list(SEGMENTS, &from)?;
        let numbers: Vec<SegmentNo> =
            names.iter().filter_map(|name| number_of(name)).filter(|number| *number > after).collect();
        self.seen.fetch_max(numbers.last().copied().unwrap_or(0), Ordering::Relaxed);
        Ok(numbers)
    }

    /// The highest number; 0 where there is no segment.
    pub(crate) fn last(&self) -> Result<SegmentNo> {
        let before = self.seen.load(Ordering::Relaxed).saturating_sub(1);
        let found = self.list(before)?.last().copied();
        // A journal that lost what it had seen is looked through from the start.
        match found {
            None if before > 0 => Ok(self.list(0)?.last().copied().unwrap_or(0)),
            found => Ok(found.unwrap_or(0)),
        }
    }

    /// Stores `frames` and their seal under `number`: durable and whole when this returns, unseen before.
    pub(crate) fn put(&self, number: SegmentNo, frames: &[&[u8]]) -> Result<Stored> {
        let (seal, stored) = sealed(frames);
        let parts: Vec<&[u8]> = frames.iter().copied().chain([seal.as_slice()]).collect();
        if !fault::defect("journal.not_named") {
            self.shelf.create(&name(number), &parts, ["journal.written", "journal.renamed"])?;
        }
        self.seen.fetch_max(number, Ordering::Relaxed);
        Ok(stored)
    }

    /// Puts another in the place of segment `number` as it was read: readers see the old one or the new one.
    pub(crate) fn replace(&self, number: SegmentNo, frames: &[&[u8]], was: &Version) -> Result<Stored> {
        let (seal, stored) = sealed(frames);
        let parts: Vec<&[u8]> = frames.iter().copied().chain([seal.as_slice()]).collect();
        self.shelf.replace(&name(number), &parts, was, ["journal.rewriting", "journal.rewritten"])?;
        Ok(stored)
    }

    /// A segment's bytes.
    pub(crate) fn get(&self, number: SegmentNo) -> Result<Found> {
        self.shelf.get(&name(number))?.ok_or_else(|| self.missing(number))
    }

    /// The bytes of several segments.
    pub(crate) fn get_all(&self, numbers: &[SegmentNo]) -> Result<Vec<Bytes>> {
        let names: Vec<String> = numbers.iter().copied().map(name).collect();
        let found = self.shelf.get_all(&names)?;
        let found = found.into_iter().zip(numbers);
        found.map(|(bytes, number)| bytes.ok_or_else(|| self.missing(*number))).collect()
    }

    /// A segment's start, at least its first frame, and the length of that.
    pub(crate) fn get_start(&self, number: SegmentNo) -> Result<(Bytes, usize)> {
        let mut length = START_BYTES;
        loop {
            let start = self.get_prefix(number, length)?;
            if let Some(end) = frame::first_frame_len(&start) {
                return Ok((start, end));
            }
            if (start.len() as u64) < length {
                return Err(segment::bad_header(&self.segment(number)));
            }
            length *= 4;
        }
    }

    /// Up to `length` bytes from a segment's start.
    pub(crate) fn get_prefix(&self, number: SegmentNo, length: u64) -> Result<Bytes> {
        self.shelf.get_start(&name(number), length)?.ok_or_else(|| self.missing(number))
    }

    /// Removes what writes that were cut off left behind.
    pub(crate) fn sweep(&self) -> Result<()> {
        self.shelf.sweep(SEGMENTS)
    }

    fn missing(&self, number: SegmentNo) -> Error {
        failure::corrupt(&self.segment(number), "a journal segment is missing")
    }
}

/// The open segment.
impl Store {
    pub(crate) fn has_spool(&self) -> bool {
        self.spool.exists()
    }

    pub(crate) fn spool(&self) -> &Path {
        &self.spool
    }

    /// Its bytes, if there is one.
    pub(crate) fn get_spool(&self) -> Result<Option<Vec<u8>>> {
        match fs::read(&self.spool) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(failure::storage(self.spool.display(), "cannot read the journal's open segment", error))
            }
        }
    }

    pub(crate) fn remove_spool(&self) -> Result<()> {
        match fs::remove_file(&self.spool) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failure::storage(self.spool.display(), "cannot remove the journal's open segment", error))
            }
            _ => Ok(()),
        }
    }

    /// Writes down, where others may write to the journal too, which number the spool is begun for. A kill between this
    /// and the spool leaves a number without a spool, which nobody reads.
    pub(crate) fn begin_spool(&self) -> Result<()> {
        let Some(claim) = &self.claim else { return Ok(()) };
        let number = self.last()? + 1;
        fs::write(claim, format!("{number}\n")).map_err(|error| {
            failure::storage(claim.display(), "cannot write the number of the open segment", error)
        })
    }

    /// Whether others have written segments since the spool was begun: what it holds was fetched again by then, and
    /// would come after it as if it were newer.
    pub(crate) fn is_spool_outrun(&self, last: SegmentNo) -> bool {
        let text = self.claim.as_ref().and_then(|claim| fs::read_to_string(claim).ok());
        let number: Option<SegmentNo> = text.and_then(|text| text.trim().parse().ok());
        number.is_some_and(|number| last >= number) && !fault::defect("journal.old_spool")
    }
}

/// The seal of a segment, and what there is to know of the whole.
fn sealed(frames: &[&[u8]]) -> ([u8; frame::MARK_LEN], Stored) {
    let mut digest = Xxh3::new();
    frames.iter().for_each(|frame| digest.update(frame));
    let seal = frame::seal_frame(digest.digest128());
    digest.update(&seal);
    let bytes = frames.iter().map(|frame| frame.len()).sum::<usize>() + seal.len();
    (seal, Stored { bytes: bytes as u64, checksum: digest.digest128() })
}

fn name(number: SegmentNo) -> String {
    format!("{SEGMENTS}/{}", file_name(number))
}

fn file_name(number: SegmentNo) -> String {
    format!("{number:012}{SUFFIX}")
}

fn number_of(name: &str) -> Option<SegmentNo> {
    let number: SegmentNo = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}
