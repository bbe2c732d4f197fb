//! A folder: what is created is there at once, under a name that readers do not look at.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clarion_core::{Error, Kind, Result, Retry};
use clarion_object_storage::Version;

use super::Place;
use crate::parquet::store::OWN;

const LOCK: &str = "_clarion/lock";

pub(in crate::parquet) struct FolderPlace {
    root: PathBuf,
}

impl FolderPlace {
    pub(in crate::parquet) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn folder_of<'p>(&'p self, path: &'p Path) -> &'p Path {
        path.parent().unwrap_or(&self.root)
    }

    fn create_folder_of(&self, path: &Path) -> Result<()> {
        let folder = self.folder_of(path);
        fs::create_dir_all(folder).map_err(|error| failed("create a folder", folder.display(), error))
    }

    fn entries(&self, folder: &str, folders: bool) -> Result<Vec<String>> {
        let path = self.path(folder);
        let listed = absent_is_none(fs::read_dir(&path))
            .map_err(|error| failed("list a folder", path.display(), error))?;
        let mut names = Vec::new();
        for entry in listed.into_iter().flatten() {
            let entry = entry.map_err(|error| failed("list a folder", path.display(), error))?;
            if entry.path().is_dir() == folders {
                names.push(format!("{folder}/{}", entry.file_name().to_string_lossy()));
            }
        }
        names.sort();
        Ok(names)
    }
}

impl Place for FolderPlace {
    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn width(&self) -> usize {
        1
    }

    fn is_begun(&self) -> Result<bool> {
        Ok(self.size(OWN)?.is_some())
    }

    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>> {
        let path = self.path(name);
        let bytes =
            absent_is_none(fs::read(&path)).map_err(|error| failed("read a file", path.display(), error))?;
        Ok(bytes.map(|bytes| (bytes, Version::default())))
    }

    fn read_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>> {
        names.iter().map(|name| Ok(self.read(name)?.map(|(bytes, _)| bytes))).collect()
    }

    fn size(&self, name: &str) -> Result<Option<u64>> {
        let path = self.path(name);
        let metadata = absent_is_none(fs::metadata(&path))
            .map_err(|error| failed("look at a file", path.display(), error))?;
        Ok(metadata.map(|metadata| metadata.len()))
    }

    fn open(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        File::open(&path).map_err(|error| failed("open a file", path.display(), error))
    }

    fn create(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        self.create_folder_of(&path)?;
        // Read again by who wrote it, when it goes on to a bucket.
        let opened = OpenOptions::new().create(true).truncate(true).read(true).write(true).open(&path);
        opened.map_err(|error| failed("create a file", path.display(), error))
    }

    fn completed(&self, _name: &str, _bytes: u64) -> Result<()> {
        Ok(())
    }

    fn keep(&self, _name: &str, _file: File) {}

    fn sync(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|error| failed("sync a file", path.display(), error))
    }

    fn sync_folder_of(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let folder = self.folder_of(&path);
        let synced = absent_is_none(File::open(folder).and_then(|folder| folder.sync_all()));
        synced.map(drop).map_err(|error| failed("sync a folder", folder.display(), error))
    }

    fn replace(&self, name: &str, bytes: &[u8], _was: &Version) -> Result<Version> {
        let draft = format!("{name}.tmp");
        let mut file = self.create(&draft)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(|error| failed("write a file", self.shown(&draft), error))?;
        self.rename(&draft, name)?;
        self.sync_folder_of(name)?;
        Ok(Version::default())
    }

    fn is_unchanged(&self, _name: &str, _was: &Version) -> Result<bool> {
        Ok(true)
    }

    fn rename(&self, from: &str, to: &str) -> Result<bool> {
        if self.size(from)?.is_none() {
            return Ok(false);
        }
        let target = self.path(to);
        self.create_folder_of(&target)?;
        fs::rename(self.path(from), &target)
            .map_err(|error| failed("rename a file", target.display(), error))?;
        Ok(true)
    }

    fn remove(&self, names: &[String]) -> Result<()> {
        for name in names {
            let path = self.path(name);
            absent_is_none(fs::remove_file(&path))
                .map_err(|error| failed("remove a file", path.display(), error))?;
        }
        Ok(())
    }

    fn remove_folder(&self, folder: &str) -> Result<()> {
        let path = self.path(folder);
        absent_is_none(fs::remove_dir_all(&path))
            .map(drop)
            .map_err(|error| failed("remove a folder", path.display(), error))
    }

    fn tidy_folder_of(&self, name: &str) {
        let path = self.path(name);
        if let Some(folder) = path.parent().filter(|folder| **folder != *self.root) {
            // Not empty is the usual case; an empty folder that stays harms nobody.
            let _ = fs::remove_dir(folder);
        }
    }

    fn discard(&self, folder: &str) -> Result<()> {
        self.remove_folder(folder)
    }

    fn below(&self, folder: &str) -> Result<Vec<String>> {
        let mut folders = vec![folder.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            folders.extend(self.entries(&folder, true)?);
            found.extend(self.entries(&folder, false)?);
        }
        found.sort();
        Ok(found)
    }

    fn parquet_files(&self, tables: &[&str]) -> Result<BTreeMap<String, u64>> {
        let mut found = BTreeMap::new();
        for table in tables {
            for name in self.below(table)?.into_iter().filter(|name| name.ends_with(".parquet")) {
                if let Some(bytes) = self.size(&name)? {
                    found.insert(name, bytes);
                }
            }
        }
        Ok(found)
    }

    fn lock(&self) -> Result<Option<File>> {
        let path = self.path(LOCK);
        self.create_folder_of(&path)?;
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|error| failed("open the lock", path.display(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Some network file systems have no locks; the lease of the product is the first guard anyway.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(Some(file)),
            Err(TryLockError::Error(error)) => Err(failed("take the lock", path.display(), error)),
        }
    }
}

/// An error of the file system, with the path and what helps.
pub(in crate::parquet) fn failed(what: &str, path: impl Display, error: std::io::Error) -> Error {
    let (retry, hint) = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            (Retry::Persistent, "free some space on that disk and run `clarion load`; nothing was changed")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (Retry::Permanent, "let this user write there, or set another url for the destination")
        }
        _ => (Retry::Persistent, "check that path and run `clarion load`"),
    };
    let message = format!("cannot {what}");
    Error::new(Kind::Storage, message).retry(retry).with("path", path).hint(hint).source(error)
}

fn absent_is_none<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
