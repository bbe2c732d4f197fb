//! The highest fence that has written to the journal, behind the lock of its writers.
//!
//! A writer that lost its lease without knowing still has its own open segment in hand. Whatever of it would meet the
//! files of the writer after it passes here first. The lock holds on one machine; in a bucket the store's own conditions
//! stand behind it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::time::{Duration, Instant};

use clarion_core::{Error, Fence, Kind, Result, Retry, fault};
use clarion_object_storage::Version;

use crate::failure;
use crate::store::Store;

/// Writing a segment takes far less; only a frozen process holds the lock for longer.
const LONGEST: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(10);

/// The right to change the journal's files, until dropped.
pub(crate) struct Turn<'s> {
    store: &'s Store,
    file: File,
    fence: Fence,
    highest: Fence,
    was: Version,
}

impl<'s> Turn<'s> {
    /// Waits for whoever writes just now; refuses a fence that is lower than one that has written.
    pub(crate) fn take(store: &'s Store, fence: Fence) -> Result<Self> {
        let mut file = lock(store)?;
        let (highest, was) = store.shelf().fence(&mut file)?;
        if fence < highest && !fault::defect("journal.no_fence") {
            return Err(Error::new(Kind::Conflict, "a later writer has taken over this journal")
                .with("fence", fence)
                .with("highest", highest)
                .hint("this process lost the lease; start it again when the other one has ended"));
        }
        Ok(Self { store, file, fence, highest, was })
    }

    /// Refuses every lower fence from now on. Called before the first change and by nobody who changes nothing: a sync
    /// without news leaves the journal's folder as it was.
    pub(crate) fn raise(mut self) -> Result<Self> {
        if self.fence > self.highest {
            self.store.shelf().raise(&mut self.file, self.fence, &self.was)?;
            self.highest = self.fence;
        }
        Ok(self)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "files are waited for where that blocks nobody, and only while somebody else writes"
)]
fn lock(store: &Store) -> Result<File> {
    let path = store.shelf().lock();
    let opened = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
    let file = opened.map_err(|error| unusable(store, error))?;
    let give_up = Instant::now() + LONGEST;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Some network file systems have no locks; the fence is looked at all the same.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(unusable(store, error)),
            Err(TryLockError::WouldBlock) if Instant::now() >= give_up => return Err(busy(store)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
        }
    }
}

fn busy(store: &Store) -> Error {
    Error::new(Kind::Conflict, "another process is writing to the journal")
        .retry(Retry::Temporary)
        .with("lock", store.shelf().lock().display())
        .hint("end the frozen process that holds the lock, then run the command again")
}

fn unusable(store: &Store, error: io::Error) -> Error {
    failure::storage(store.shelf().lock().display(), "cannot use the journal's fence", error)
}
