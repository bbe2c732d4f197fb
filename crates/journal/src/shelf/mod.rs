//! Where a journal keeps what is durable: the port between the journal and its storage.

mod bucket;
mod folder;

use std::fmt::Debug;
use std::fs::File;
use std::path::Path;

use bytes::Bytes;
use clarion_core::{Fence, Result};
use clarion_object_storage::Version;

pub(crate) use bucket::BucketShelf;
pub(crate) use folder::{FolderShelf, create_synced};

/// What is found under a name, and which version of it that is.
pub(crate) struct Found {
    pub(crate) bytes: Bytes,
    pub(crate) version: Version,
}

/// Where a test may end the process: before and after something has its name.
pub(crate) type Points = [&'static str; 2];

/// Names are relative, with `/` between folders. All of it blocks.
pub(crate) trait Shelf: Debug + Send + Sync {
    /// How something is named to people.
    fn shown(&self, name: &str) -> String;

    /// Makes what must be there before anything is written.
    fn prepare(&self) -> Result<()>;

    fn get(&self, name: &str) -> Result<Option<Found>>;

    /// Several, in the order of their names.
    fn get_all(&self, names: &[String]) -> Result<Vec<Option<Bytes>>>;

    /// Up to `length` bytes from the start, without reading the rest.
    fn get_start(&self, name: &str, length: u64) -> Result<Option<Bytes>>;

    /// The names in a folder that come after `after`, without it, ascending.
    fn list(&self, folder: &str, after: &str) -> Result<Vec<String>>;

    /// Writes where nothing is.
    ///
    /// # Behavior
    /// - Durable and whole when this returns, unseen before.
    /// - `Conflict` where something else is under that name.
    fn create(&self, name: &str, parts: &[&[u8]], points: Points) -> Result<()>;

    /// Puts something in the place of what was read as `was`: readers see the old or the new.
    ///
    /// # Behavior
    /// - `Conflict` where it was changed since, if the storage can tell; where it cannot, the lock of the writers and
    ///   the fence are the guard.
    fn replace(&self, name: &str, parts: &[&[u8]], was: &Version, points: Points) -> Result<()>;

    /// Removes what writes that were cut off left behind.
    fn sweep(&self, folder: &str) -> Result<()>;

    /// The file that writers of this machine lock.
    fn lock(&self) -> &Path;

    /// The highest fence that has written; 0 where nobody has. `lock` is the locked file.
    fn fence(&self, lock: &mut File) -> Result<(Fence, Version)>;

    /// Writes a higher one in the place of what was read as `was`.
    fn raise(&self, lock: &mut File, fence: Fence, was: &Version) -> Result<()>;
}
