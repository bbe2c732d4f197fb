//! The lock file of a data folder. The lock counts; what is written in the file only names the holder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clarion_core::{Error, Fence, Kind, Result, content_hash};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

const NAME: &str = "clarion.lock";

/// An application name in Postgres is cut at this length.
const LONGEST_NAME: usize = 63;

/// Who holds the lease, as a refusal shows it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Holder {
    pub(super) pid: u32,
    pub(super) command: String,
    pub(super) since: String,
    pub(super) fence: Fence,
}

/// Holds the lock until dropped; the system drops it with the process.
pub(super) struct FileLock {
    file: File,
    path: PathBuf,
    last_fence: Fence,
}

impl FileLock {
    /// Takes the lock or says who has it.
    pub(super) fn take(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))?;
        let path = folder.join(NAME);
        // Never truncated on opening: it may be somebody else's.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = opened.map_err(|error| unwritable(folder, error))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(refused(&path, read(&mut file))),
            Err(error) => return Err(unwritable(folder, error.into())),
        }
        let last_fence = read(&mut file).map_or(0, |holder| holder.fence);
        Ok(Self { file, path, last_fence })
    }

    /// The fence of the last holder; 0 if there was none.
    pub(super) fn last_fence(&self) -> Fence {
        self.last_fence
    }

    pub(super) fn write(&mut self, holder: &Holder) -> Result<()> {
        let mut text = serde_json::to_string(holder).expect("numbers and text are JSON");
        text.push('\n');
        let written = self.overwrite(text.as_bytes());
        written.map_err(|error| unwritable(&self.path, error))
    }

    /// Names this process to Postgres. The first part is the same for every process on this lock file and no other:
    /// whoever holds the file knows that an older session under that name has lost its process.
    pub(super) fn owner_name(&self, command: &str) -> String {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let place =
            self.file.metadata().map(|meta| format!("{}:{}", meta.dev(), meta.ino())).unwrap_or_default();
        let mark = content_hash(format!("{host}:{place}").as_bytes());
        let host: String = host.chars().take(16).collect();
        let mut name = format!("clarion {mark:016x} pid {} on {host}: {command}", std::process::id());
        while name.len() > LONGEST_NAME {
            name.pop();
        }
        name
    }

    fn overwrite(&mut self, text: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(text)?;
        // Cut after writing: the last fence is in the file at every moment.
        self.file.set_len(text.len() as u64)?;
        self.file.sync_data()
    }
}

fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.read_to_string(&mut text).ok()?;
    // Behind the first line there may be the end of a longer one, if its writer died before the cut.
    serde_json::from_str(text.lines().next()?).ok()
}

fn refused(path: &Path, holder: Option<Holder>) -> Error {
    let error = Error::new(Kind::Conflict, "another clarion is writing").with("lock", path.display());
    let error = match holder {
        Some(holder) => {
            error.with("pid", holder.pid).with("command", holder.command).with("since", holder.since)
        }
        None => error,
    };
    error.hint("wait until it has ended, or stop it; status, plan and verify run beside it")
}

fn unwritable(place: &Path, error: io::Error) -> Error {
    Error::new(Kind::Storage, "cannot lock the data folder")
        .with("folder", place.display())
        .hint("make the folder writable, or set --data-dir")
        .source(error)
}
