//! A prefix in a bucket, and a folder on the own disk where a load's files lie until they go up.
//!
//! A bucket has no rename: what a commit brings to its name is copied within the store, which is one step for readers,
//! and stays in the staging folder until the commit is over. So any of its steps may be done again, by anybody. It has no
//! lock either: every load begins by writing its fence into the manifest, and the manifest is replaced only as it was
//! read, so that of two writers only the later one can commit.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Seek;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clarion_core::{Error, Kind, Result, fault};
use clarion_object_storage::{Bucket, Version};

use super::{FolderPlace, Place, failed};
use crate::parquet::store::STAGING;

/// Requests under way at a time: each waits for the store and for little else.
const WIDTH: usize = 8;

pub(in crate::parquet) struct BucketPlace {
    bucket: Bucket,
    root: PathBuf,
    /// The own disk.
    own: FolderPlace,
}

impl BucketPlace {
    /// `own` is a folder that no other lake has.
    pub(in crate::parquet) fn new(bucket: Bucket, own: &Path) -> Self {
        Self { bucket, root: own.to_owned(), own: FolderPlace::new(own.to_owned()) }
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

    fn sync(&self, name: &str) -> Result<()> {
        self.bucket.upload(name, &mut self.own.open(name)?)?;
        self.own.remove(&[name.to_owned()])
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
        self.own.remove(&staged)?;
        if others.is_empty() { Ok(()) } else { self.bucket.delete(&others) }
    }

    fn remove_folder(&self, folder: &str) -> Result<()> {
        self.own.remove_folder(folder)?;
        let names = self.below(folder)?;
        if names.is_empty() { Ok(()) } else { self.bucket.delete(&names) }
    }

    fn tidy_folder_of(&self, _name: &str) {}

    fn discard(&self, folder: &str) -> Result<()> {
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
