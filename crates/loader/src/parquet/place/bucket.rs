//! A prefix in a bucket, and a folder on the own disk where a load's files lie until they go up.
//!
//! A bucket has no rename: what a commit brings to its name is copied within the store, which is one step for readers,
//! and stays in the staging folder until the commit is over. So any of its steps may be done again, by anybody. It has no
//! lock either: every load begins by writing its fence into the manifest, and the manifest is replaced only as it was
//! read, so that of two writers only the later one can commit.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use clarion_core::{Error, Kind, Result, fault};
use clarion_object_storage::{Bucket, Version};

use super::{FolderPlace, Place, failed};
use crate::parquet::store::STAGING;

/// Requests under way at a time: each waits for the store and for little else.
const WIDTH: usize = 8;
/// Copies of objects that a load opens twice; each has a file handle, of which a process has about a thousand.
const KEPT_FILES: usize = 64;
const KEPT_BYTES: u64 = 512 << 20;

pub(in crate::parquet) struct BucketPlace {
    bucket: Bucket,
    root: PathBuf,
    /// The own disk.
    own: FolderPlace,
    /// Bytes of a load's files on it, before any more go up at once.
    room: u64,
    held: AtomicU64,
    kept: Mutex<Kept>,
}

/// Copies of objects that a load will open once more.
#[derive(Default)]
struct Kept {
    files: HashMap<String, File>,
    bytes: u64,
}

impl BucketPlace {
    /// `own` is a folder that no other lake has, with so much room for what is not in the bucket yet.
    pub(in crate::parquet) fn new(bucket: Bucket, own: &Path, room: u64) -> Self {
        Self {
            bucket,
            root: own.to_owned(),
            own: FolderPlace::new(own.to_owned()),
            room,
            held: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    fn upload(&self, name: &str) -> Result<()> {
        let bytes = self.bucket.upload(name, &mut self.own.open(name)?)?;
        self.own.remove(&[name.to_owned()])?;
        self.release(name, bytes);
        Ok(())
    }

    fn release(&self, name: &str, bytes: u64) {
        if name.starts_with(STAGING) {
            let less = |held: u64| Some(held.saturating_sub(bytes));
            let _ = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a name is one of a load's own files, which are here before they are there.
    fn is_staged(&self, name: &str) -> Result<bool> {
        Ok(name.starts_with(STAGING) && self.own.size(name)?.is_some())
    }

    fn missing(&self, name: &str) -> Error {
        Error::new(Kind::Storage, "an object is missing")
            .with("object", self.shown(name))
            .hint("rebuild the destination with `clarion replay`; it costs no API request")
    }
}

impl Place for BucketPlace {
    fn shown(&self, name: &str) -> String {
        self.bucket.shown(name)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn width(&self) -> usize {
        WIDTH
    }

    /// Reading the manifest tells.
    fn is_begun(&self) -> Result<bool> {
        Ok(true)
    }

    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>> {
        Ok(self.bucket.get(name)?.map(|object| (object.bytes.to_vec(), object.version)))
    }

    fn read_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        let found = self.bucket.get_all(names)?;
        Ok(found.into_iter().map(|bytes| bytes.map(|bytes| bytes.to_vec())).collect())
    }

    fn size(&self, name: &str) -> Result<Option<u64>> {
        Ok(self.bucket.head(name)?.map(|(bytes, _)| bytes))
    }

    /// A copy without a name: nothing of it stays, however the process ends.
    fn open(&self, name: &str) -> Result<File> {
        if self.is_staged(name)? {
            return self.own.open(name);
        }
        let unusable = |error| failed("make a file", self.root.display(), error);
        if let Some(mut file) = self.kept().take(name) {
            file.rewind().map_err(unusable)?;
            return Ok(file);
        }
        // Who only looks at a lake has loaded nothing yet.
        fs::create_dir_all(&self.root).map_err(unusable)?;
        let mut file = tempfile::tempfile_in(&self.root).map_err(unusable)?;
        if !self.bucket.download(name, &mut file)? {
            return Err(self.missing(name));
        }
        file.rewind().map_err(unusable)?;
        Ok(file)
    }

    fn create(&self, name: &str) -> Result<File> {
        self.own.create(name)
    }

    fn completed(&self, name: &str, bytes: u64) -> Result<()> {
        let held = self.held.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if held > self.room { self.upload(name) } else { Ok(()) }
    }

    fn keep(&self, name: &str, file: File) {
        self.kept().put(name, file);
    }

    /// What went up when it was whole is there already.
    fn sync(&self, name: &str) -> Result<()> {
        if self.own.size(name)?.is_some() {
            return self.upload(name);
        }
        self.bucket.head(name)?.map(drop).ok_or_else(|| self.missing(name))
    }

    fn sync_folder_of(&self, _name: &str) -> Result<()> {
        Ok(())
    }

    fn replace(&self, name: &str, bytes: &[u8], was: &Version) -> Result<Version> {
        let bytes = Bytes::copy_from_slice(bytes);
        if fault::defect("parquet.blind_put") {
            return self.bucket.put(name, bytes);
        }
        self.bucket.replace(name, bytes, was)
    }

    fn is_unchanged(&self, name: &str, was: &Version) -> Result<bool> {
        let now = self.bucket.head(name)?.map(|(_, version)| version).unwrap_or_default();
        Ok(now == *was || fault::defect("parquet.no_fence"))
    }

    fn rename(&self, from: &str, to: &str) -> Result<bool> {
        self.bucket.copy(from, to)
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        let (staged, others): (Vec<String>, Vec<String>) =
            names.iter().cloned().partition(|name| self.is_staged(name).unwrap_or(false));
        for name in &staged {
            let bytes = self.own.size(name)?.unwrap_or_default();
            self.own.remove(std::slice::from_ref(name))?;
            self.release(name, bytes);
        }
        if others.is_empty() { Ok(()) } else { self.bucket.delete(&others) }
    }

    fn remove_folder(&self, folder: &str) -> Result<()> {
        self.own.remove_folder(folder)?;
        let names = self.below(folder)?;
        if names.is_empty() { Ok(()) } else { self.bucket.delete(&names) }
    }

    fn tidy_folder_of(&self, _name: &str) {}

    /// Loads follow each other: what there is of one is all there is.
    fn discard(&self, folder: &str) -> Result<()> {
        *self.kept() = Kept::default();
        if folder.starts_with(STAGING) {
            self.held.store(0, Ordering::Relaxed);
        }
        self.own.remove_folder(folder)
    }

    fn below(&self, folder: &str) -> Result<Vec<String>> {
        Ok(self.bucket.list(folder)?.into_iter().map(|object| object.name).collect())
    }

    /// One listing for all of them.
    fn parquet_files(&self, tables: &[&str]) -> Result<BTreeMap<String, u64>> {
        let listed = match tables {
            [table] => self.bucket.list(table)?,
            _ => self.bucket.list("")?,
        };
        let of_tables = |name: &str| name.split_once('/').is_some_and(|(table, _)| tables.contains(&table));
        let meant =
            listed.into_iter().filter(|object| object.name.ends_with(".parquet") && of_tables(&object.name));
        Ok(meant.map(|object| (object.name, object.bytes)).collect())
    }

    /// Of this machine only.
    fn lock(&self) -> Result<Option<File>> {
        self.own.lock()
    }
}

impl Kept {
    /// Where there is no room, the object is fetched once more.
    fn put(&mut self, name: &str, file: File) {
        let bytes = file.metadata().map_or(KEPT_BYTES, |metadata| metadata.len());
        if self.files.len() < KEPT_FILES && self.bytes + bytes <= KEPT_BYTES {
            self.bytes += bytes;
            self.files.insert(name.to_owned(), file);
        }
    }

    fn take(&mut self, name: &str) -> Option<File> {
        let file = self.files.remove(name)?;
        let bytes = file.metadata().map_or(0, |metadata| metadata.len());
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(file)
    }
}
