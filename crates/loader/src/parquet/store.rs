//! The one place that touches the file system: reads, durable replacements, folders and the lock.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clarion_core::{Error, Kind, Result, Retry, fault};

/// Everything of ours that is no data.
pub(super) const OWN: &str = "_clarion";
pub(super) const MANIFEST: &str = "_clarion/manifest.json";
pub(super) const STAGING: &str = "_clarion/staging";
pub(super) const KEYS: &str = "_clarion/keys";
const LOCK: &str = "_clarion/lock";

/// What a test does at a durable step: look, or fail as if the process had been killed there.
pub(super) type Step = Arc<dyn Fn(&'static str) -> Result<()> + Send + Sync>;

/// The lake's folder. All names are relative to it, with `/` between folders.
#[derive(Clone)]
pub(super) struct Store {
    root: Arc<Path>,
    step: Option<Step>,
}

impl Store {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root: root.into(), step: None }
    }

    pub(super) fn watched(self, step: Step) -> Self {
        Self { step: Some(step), ..self }
    }

    /// A place where a killed process leaves the files as they are now.
    pub(super) fn step(&self, name: &'static str) -> Result<()> {
        fault::point(name);
        self.step.as_ref().map_or(Ok(()), |step| step(name))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// `None` if there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        absent_is_none(fs::read(&path)).map_err(|error| failed("read a file", &path, error))
    }

    pub(super) fn size(&self, name: &str) -> Result<Option<u64>> {
        let path = self.path(name);
        let metadata =
            absent_is_none(fs::metadata(&path)).map_err(|error| failed("look at a file", &path, error))?;
        Ok(metadata.map(|metadata| metadata.len()))
    }

    /// A new, empty file, with the folders that it needs.
    pub(super) fn create(&self, name: &str) -> Result<File> {
        let path = self.path(name);
        self.create_folder_of(&path)?;
        File::create(&path).map_err(|error| failed("create a file", &path, error))
    }

    /// Makes the bytes of a file durable.
    pub(super) fn sync(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        File::open(&path)
            .and_then(|file| file.sync_all())
            .map_err(|error| failed("sync a file", &path, error))
    }

    pub(super) fn sync_folder_of(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.root);
        let synced = absent_is_none(File::open(folder).and_then(|folder| folder.sync_all()));
        synced.map(drop).map_err(|error| failed("sync a folder", folder, error))
    }

    /// Replaces a file in one durable step: readers see the old bytes or the new ones.
    pub(super) fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let draft = format!("{name}.tmp");
        let path = self.path(&draft);
        let mut file = self.create(&draft)?;
        let written = file.write_all(bytes).and_then(|()| file.sync_all());
        written.map_err(|error| failed("write a file", &path, error))?;
        self.rename(&draft, name)?;
        self.sync_folder_of(name)
    }

    pub(super) fn rename(&self, from: &str, to: &str) -> Result<()> {
        let target = self.path(to);
        self.create_folder_of(&target)?;
        fs::rename(self.path(from), &target).map_err(|error| failed("rename a file", &target, error))
    }

    /// A file that is not there is fine.
    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        absent_is_none(fs::remove_file(&path))
            .map(drop)
            .map_err(|error| failed("remove a file", &path, error))
    }

    pub(super) fn remove_folder(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        absent_is_none(fs::remove_dir_all(&path))
            .map(drop)
            .map_err(|error| failed("remove a folder", &path, error))
    }

    /// Removes the folder of a removed file if nothing is left in it.
    pub(super) fn tidy_folder_of(&self, name: &str) {
        let path = self.path(name);
        if let Some(folder) = path.parent().filter(|folder| **folder != *self.root) {
            // Not empty is the usual case; an empty folder that stays harms nobody.
            let _ = fs::remove_dir(folder);
        }
    }

    /// The names of the files in a folder; none if there is no such folder.
    pub(super) fn files(&self, folder: &str) -> Result<Vec<String>> {
        self.entries(folder, false)
    }

    /// Every data file of a table, whoever wrote it.
    pub(super) fn data_files(&self, table: &str) -> Result<Vec<String>> {
        let mut folders = vec![table.to_owned()];
        let partitions = self.entries(table, true)?;
        folders.extend(partitions.into_iter().filter(|name| name.contains("/call_month=")));
        let mut found = Vec::new();
        for folder in folders {
            let files = self.files(&folder)?;
            found.extend(files.into_iter().filter(|name| is_data(name)));
        }
        Ok(found)
    }

    /// Every Parquet file that a glob over a table's folder finds.
    pub(super) fn parquet_files(&self, table: &str) -> Result<Vec<String>> {
        let mut folders = vec![table.to_owned()];
        let mut found = Vec::new();
        while let Some(folder) = folders.pop() {
            folders.extend(self.entries(&folder, true)?);
            let files = self.files(&folder)?;
            found.extend(files.into_iter().filter(|name| name.ends_with(".parquet")));
        }
        found.sort();
        Ok(found)
    }

    /// Locks the lake for as long as the answer lives; `None` while somebody else has it.
    pub(super) fn lock(&self) -> Result<Option<File>> {
        let path = self.path(LOCK);
        self.create_folder_of(&path)?;
        let opened = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = opened.map_err(|error| failed("open the lock", &path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Some network file systems have no locks; the lease of the product is the first guard anyway.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(Some(file)),
            Err(TryLockError::Error(error)) => Err(failed("take the lock", &path, error)),
        }
    }

    fn entries(&self, folder: &str, folders: bool) -> Result<Vec<String>> {
        let path = self.path(folder);
        let listed =
            absent_is_none(fs::read_dir(&path)).map_err(|error| failed("list a folder", &path, error))?;
        let mut names = Vec::new();
        for entry in listed.into_iter().flatten() {
            let entry = entry.map_err(|error| failed("list a folder", &path, error))?;
            if entry.path().is_dir() == folders {
                names.push(format!("{folder}/{}", entry.file_name().to_string_lossy()));
            }
        }
        names.sort();
        Ok(names)
    }

    fn create_folder_of(&self, path: &Path) -> Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(|error| failed("create a folder", folder, error))
    }
}

/// An error of the file system, with the path and what helps.
pub(super) fn failed(what: &str, path: &Path, error: std::io::Error) -> Error {
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
    Error::new(Kind::Storage, message).retry(retry).with("path", path.display()).hint(hint).source(error)
}

fn is_data(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or(name);
    file.starts_with("data-") && file.ends_with(".parquet")
}

fn absent_is_none<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}
