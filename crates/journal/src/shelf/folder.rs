//! A folder of this machine.

use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clarion_core::{Error, Fence, Kind, Result, fault};
use clarion_object_storage::Version;

use super::{Found, Points, Shelf};
use crate::failure::storage;

const TEMPORARY: &str = ".tmp";
const SEGMENTS: &str = "segments";

/// Everything is written under a temporary name, synced and renamed, and its folder synced.
#[derive(Debug)]
pub(crate) struct FolderShelf {
    root: PathBuf,
    fence: PathBuf,
}

impl FolderShelf {
    pub(crate) fn new(root: PathBuf) -> Self {
        let fence = root.join("fence");
        Self { root, fence }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn write(&self, name: &str, parts: &[&[u8]], points: Points) -> Result<()> {
        let path = self.path(name);
        let temporary = path.with_added_extension(&TEMPORARY[1..]);
        write_synced(&temporary, parts)
            .map_err(|error| storage(temporary.display(), "cannot write a file of the journal", error))?;
        fault::point(points[0]);
        rename(&temporary, &path)
            .map_err(|error| storage(path.display(), "cannot name a file of the journal", error))?;
        fault::point(points[1]);
        Ok(())
    }

    fn unusable_fence(&self, error: io::Error) -> Error {
        storage(self.fence.display(), "cannot use the journal's fence", error)
    }
}

impl Shelf for FolderShelf {
    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// Proves that the folder can be written, too.
    fn prepare(&self) -> Result<()> {
        let segments = self.path(SEGMENTS);
        create_synced(&segments)
            .and_then(|()| probe(&segments))
            .map_err(|error| storage(self.root.display(), "cannot write the journal's folder", error))
    }

    fn get(&self, name: &str) -> Result<Option<Found>> {
        let path = self.path(name);
        let bytes = absent_is_none(fs::read(&path)).map_err(|error| unreadable(&path, error))?;
        Ok(bytes.map(|bytes| Found { bytes: bytes.into(), version: Version::default() }))
    }

    fn get_all(&self, names: &[String]) -> Result<Vec<Option<Bytes>>> {
        names.iter().map(|name| Ok(self.get(name)?.map(|found| found.bytes))).collect()
    }

    fn get_start(&self, name: &str, length: u64) -> Result<Option<Bytes>> {
        let path = self.path(name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(length).read_to_end(&mut bytes));
        let found = absent_is_none(read).map_err(|error| unreadable(&path, error))?;
        Ok(found.map(|_| bytes.into()))
    }

    fn list(&self, folder: &str, after: &str) -> Result<Vec<String>> {
        let mut names = names(&self.path(folder))?;
        names.retain(|name| !name.ends_with(TEMPORARY) && name.as_str() > after);
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, name: &str, parts: &[&[u8]], points: Points) -> Result<()> {
        let path = self.path(name);
        if path.exists() {
            return Err(
                Error::new(Kind::Conflict, "the segment exists already").with("segment", path.display())
            );
        }
        self.write(name, parts, points)
    }

    fn replace(&self, name: &str, parts: &[&[u8]], _was: &Version, points: Points) -> Result<()> {
        self.write(name, parts, points)
    }

    fn sweep(&self, folder: &str) -> Result<()> {
        let folder = self.path(folder);
        for name in names(&folder)?.iter().filter(|name| name.ends_with(TEMPORARY)) {
            let path = folder.join(name);
            let removed = absent_is_none(fs::remove_file(&path));
            removed.map_err(|error| storage(path.display(), "cannot remove a file of the journal", error))?;
        }
        Ok(())
    }

    fn lock(&self) -> &Path {
        &self.fence
    }

    /// The lock's file holds it.
    fn fence(&self, lock: &mut File) -> Result<(Fence, Version)> {
        let mut text = String::new();
        let read = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
        read.map_err(|error| self.unusable_fence(error))?;
        let fence = if text.is_empty() { Ok(0) } else { text.trim().parse() };
        let fence = fence.map_err(|error| self.unusable_fence(io::Error::other(error)))?;
        Ok((fence, Version::default()))
    }

    /// All fences are written with as many digits, so that a new one covers the old one.
    fn raise(&self, lock: &mut File, fence: Fence, _was: &Version) -> Result<()> {
        lock.rewind()
            .and_then(|()| lock.write_all(format!("{fence:020}\n").as_bytes()))
            .and_then(|()| lock.sync_data())
            .map_err(|error| self.unusable_fence(error))
    }
}

/// Makes a folder and those above it, each durable in its own.
pub(crate) fn create_synced(folder: &Path) -> io::Result<()> {
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
    // Another journal of this process had the same probe.
    absent_is_none(fs::remove_file(&probe)).map(drop)
}

fn write_synced(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = File::create(path)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}

fn rename(temporary: &Path, path: &Path) -> io::Result<()> {
    fs::rename(temporary, path)?;
    // The name is durable only once the folder is.
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let names: io::Result<Vec<String>> = fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    });
    names.map_err(|error| storage(folder.display(), "cannot list the journal's segments", error))
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    storage(path.display(), "cannot read a file of the journal", error)
}
