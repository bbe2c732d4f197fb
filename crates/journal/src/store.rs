//! The files of a journal: the one place that knows their names and syncs them.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clarion_core::{Error, Kind, Result, SegmentNo, fault};
use xxhash_rust::xxh3::Xxh3;

use crate::{failure, frame, segment};

const SUFFIX: &str = ".ndjson.zst";
const TEMPORARY: &str = ".tmp";
/// What a header usually fits into, compressed.
const START_BYTES: u64 = 64 * 1024;

/// A journal's folder.
#[derive(Debug)]
pub(crate) struct Store {
    fence: PathBuf,
    identity: PathBuf,
    spool: PathBuf,
    segments: PathBuf,
}

/// What was stored under a segment's number.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) bytes: u64,
    pub(crate) checksum: u128,
}

impl Store {
    /// Makes the folder where there is none and proves that it can be written.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let store = Self {
            fence: folder.join("fence"),
            identity: folder.join("journal.json"),
            spool: folder.join("open.ndjson"),
            segments: folder.join("segments"),
        };
        create_synced(&store.segments)
            .and_then(|()| probe(&store.segments))
            .map_err(|error| failure::storage(folder, "cannot write the journal's folder", error))?;
        Ok(store)
    }

    pub(crate) fn identity(&self) -> &Path {
        &self.identity
    }

    /// The file that names the journal and what was purged from it, if there is one.
    pub(crate) fn get_identity(&self) -> Result<Option<Vec<u8>>> {
        let bytes = read_if_there(&self.identity);
        bytes.map_err(|error| failure::storage(&self.identity, "cannot read the journal's name", error))
    }

    /// Replaces the file that names the journal, in one durable step.
    pub(crate) fn put_identity(&self, text: &[u8]) -> Result<()> {
        let temporary = self.identity.with_added_extension("tmp");
        let folder = self.identity.parent().unwrap_or(Path::new("."));
        File::create(&temporary)
            .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, &self.identity))
            .and_then(|()| sync_folder(folder))
            .map_err(|error| failure::storage(&self.identity, "cannot write the journal's name", error))
    }

    pub(crate) fn fence(&self) -> &Path {
        &self.fence
    }

    pub(crate) fn has_spool(&self) -> bool {
        self.spool.exists()
    }

    pub(crate) fn spool(&self) -> &Path {
        &self.spool
    }

    pub(crate) fn segment(&self, number: SegmentNo) -> PathBuf {
        self.segments.join(file_name(number))
    }

    /// The numbers of all segments, ascending.
    pub(crate) fn list(&self) -> Result<Vec<SegmentNo>> {
        let mut numbers = Vec::new();
        for name in self.names()? {
            numbers.extend(number_of(&name));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// The highest number; 0 where there is no segment.
    pub(crate) fn last(&self) -> Result<SegmentNo> {
        Ok(self.list()?.last().copied().unwrap_or(0))
    }

    /// Stores `frames` and their seal under `number`: durable and whole when this returns, unseen before.
    pub(crate) fn put(&self, number: SegmentNo, frames: &[&[u8]]) -> Result<Stored> {
        let path = self.segment(number);
        if path.exists() {
            return Err(
                Error::new(Kind::Conflict, "the segment exists already").with("segment", path.display())
            );
        }
        self.write(number, frames, ["journal.written", "journal.renamed"])
    }

    /// Puts another file in the place of segment `number`: readers see the old one or the new one.
    pub(crate) fn replace(&self, number: SegmentNo, frames: &[&[u8]]) -> Result<Stored> {
        self.write(number, frames, ["journal.rewriting", "journal.rewritten"])
    }

    /// `points`: where a test may end the process, before and after the file has its name.
    fn write(&self, number: SegmentNo, frames: &[&[u8]], points: [&str; 2]) -> Result<Stored> {
        let path = self.segment(number);
        let temporary = self.segments.join(format!("{}{TEMPORARY}", file_name(number)));
        let stored = write_sealed(&temporary, frames)
            .map_err(|error| failure::storage(&temporary, "cannot write a journal segment", error))?;
        fault::point(points[0]);
        self.rename(&temporary, &path)
            .map_err(|error| failure::storage(&path, "cannot name a journal segment", error))?;
        fault::point(points[1]);
        Ok(stored)
    }

    /// A segment's bytes.
    pub(crate) fn get(&self, number: SegmentNo) -> Result<Vec<u8>> {
        let path = self.segment(number);
        fs::read(&path).map_err(|error| unreadable(&path, error))
    }

    /// A segment's start, at least its first frame, and the length of that.
    pub(crate) fn get_start(&self, number: SegmentNo) -> Result<(Vec<u8>, usize)> {
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
    pub(crate) fn get_prefix(&self, number: SegmentNo, length: u64) -> Result<Vec<u8>> {
        let path = self.segment(number);
        let mut bytes = Vec::new();
        File::open(&path)
            .and_then(|file| file.take(length).read_to_end(&mut bytes))
            .map_err(|error| unreadable(&path, error))?;
        Ok(bytes)
    }

    /// The bytes of an open segment, if there is one.
    pub(crate) fn get_spool(&self) -> Result<Option<Vec<u8>>> {
        let bytes = read_if_there(&self.spool);
        bytes.map_err(|error| failure::storage(&self.spool, "cannot read the journal's open segment", error))
    }

    pub(crate) fn remove_spool(&self) -> Result<()> {
        remove(&self.spool)
    }

    /// Removes what writes that were cut off left behind.
    pub(crate) fn sweep(&self) -> Result<()> {
        for name in self.names()? {
            if name.ends_with(TEMPORARY) {
                remove(&self.segments.join(name))?;
            }
        }
        Ok(())
    }

    fn names(&self) -> Result<Vec<String>> {
        let names: io::Result<Vec<String>> = fs::read_dir(&self.segments).and_then(|entries| {
            entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        });
        names.map_err(|error| failure::storage(&self.segments, "cannot list the journal's segments", error))
    }

    fn rename(&self, temporary: &Path, path: &Path) -> io::Result<()> {
        if fault::defect("journal.not_named") {
            return fs::remove_file(temporary);
        }
        fs::rename(temporary, path)?;
        // The name is durable only once the folder is.
        sync_folder(&self.segments)
    }
}

/// Makes a folder and those above it, each durable in its own.
fn create_synced(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    create_synced(above)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(above),
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Proves that files can be made in the folder.
fn probe(folder: &Path) -> io::Result<()> {
    let probe = folder.join(format!("probe-{}{TEMPORARY}", std::process::id()));
    File::create(&probe)?;
    match fs::remove_file(&probe) {
        // Another journal of this process had the same probe.
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn write_sealed(path: &Path, frames: &[&[u8]]) -> io::Result<Stored> {
    let mut file = File::create(path)?;
    let mut digest = Xxh3::new();
    let mut bytes = 0;
    let mut write = |part: &[u8], digest: &mut Xxh3| {
        digest.update(part);
        bytes += part.len() as u64;
        file.write_all(part)
    };
    for frame in frames {
        write(frame, &mut digest)?;
    }
    write(&frame::seal_frame(digest.digest128()), &mut digest)?;
    file.sync_all()?;
    Ok(Stored { bytes, checksum: digest.digest128() })
}

fn read_if_there(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failure::storage(path, "cannot remove a file of the journal", error))
        }
        _ => Ok(()),
    }
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::NotFound {
        return failure::corrupt(path, "a journal segment is missing");
    }
    failure::storage(path, "cannot read a journal segment", error)
}

fn file_name(number: SegmentNo) -> String {
    format!("{number:012}{SUFFIX}")
}

fn number_of(name: &str) -> Option<SegmentNo> {
    let number: SegmentNo = name.strip_suffix(SUFFIX)?.parse().ok()?;
    (file_name(number) == name).then_some(number)
}
