//! Where a lake lies: the port between the lake and its storage.

mod bucket;
mod folder;

use std::collections::BTreeMap;
use std::fs::File;

use clarion_core::Result;
use clarion_object_storage::Version;

pub(super) use bucket::BucketPlace;
pub(super) use folder::{FolderPlace, failed};

/// All names are relative, with `/` between folders. All of it blocks.
pub(super) trait Place: Send + Sync {
    /// How something is named to people.
    fn shown(&self, name: &str) -> String;

    /// Whether somebody on another machine may write here, and this machine's lock does not keep them apart.
    fn is_shared(&self) -> bool;

    /// How many requests are worth making at a time.
    fn width(&self) -> usize;

    /// Whether anything of ours may be here.
    fn is_begun(&self) -> Result<bool>;

    /// `None` if there is nothing of that name.
    fn read(&self, name: &str) -> Result<Option<(Vec<u8>, Version)>>;

    /// Many small ones, in the order of their names.
    fn read_all(&self, names: &[String]) -> Result<Vec<Option<Vec<u8>>>>;

    fn size(&self, name: &str) -> Result<Option<u64>>;

    /// For reading. What this load is writing is found as well.
    fn open(&self, name: &str) -> Result<File>;

    /// A new, empty file, with the folders that it needs. Nobody else sees it before it is synced, at the earliest.
    fn create(&self, name: &str) -> Result<File>;

    /// A created file of so many bytes is whole. It may go up at once where the own disk has enough of them.
    fn completed(&self, name: &str, bytes: u64) -> Result<()>;

    /// Something that was opened will be wanted again by this load, which then finds it here.
    fn keep(&self, name: &str, file: File);

    /// Makes what was written into a created file durable under its name.
    fn sync(&self, name: &str) -> Result<()>;

    fn sync_folder_of(&self, name: &str) -> Result<()>;

    /// Replaces something in one durable step: readers see the old bytes or the new ones.
    ///
    /// # Behavior
    /// - `Conflict` where it is not as it was read any more, in a place that is shared.
    fn replace(&self, name: &str, bytes: &[u8], was: &Version) -> Result<Version>;

    /// Whether it is still as it was read; always, in a place that is not shared.
    fn is_unchanged(&self, name: &str, was: &Version) -> Result<bool>;

    /// Brings something to its name, over what is there; false where there is nothing to bring. In a shared place it is
    /// still there under the old name afterwards.
    fn rename(&self, from: &str, to: &str) -> Result<bool>;

    /// Those that are not there are fine.
    fn remove(&self, names: &[String]) -> Result<()>;

    fn remove_folder(&self, folder: &str) -> Result<()>;

    /// Removes the folder of something removed if nothing is left in it.
    fn tidy_folder_of(&self, name: &str);

    /// Removes what a load wrote on this machine and will not need.
    fn discard(&self, folder: &str) -> Result<()>;

    /// Everything below a folder, however deep, by name.
    fn below(&self, folder: &str) -> Result<Vec<String>>;

    /// Every Parquet file that a glob over these tables' folders finds, with its size.
    fn parquet_files(&self, tables: &[&str]) -> Result<BTreeMap<String, u64>>;

    /// Locks the lake for this machine for as long as the answer lives; `None` while somebody else has it.
    fn lock(&self) -> Result<Option<File>>;
}
