//! The one way to the lake's files, with the places where a test may end a process.

use std::io::Write;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clarion_core::{Fence, Result, fault};
use clarion_object_storage::Bucket;

use super::place::{BucketPlace, FolderPlace, Place};

pub(super) use super::place::failed;

/// Everything of ours that is no data.
pub(super) const OWN: &str = "_clarion";
pub(super) const MANIFEST: &str = "_clarion/manifest.json";
pub(super) const STAGING: &str = "_clarion/staging";
pub(super) const KEYS: &str = "_clarion/keys";

/// What a test does at a durable step: look, or fail as if the process had been killed there.
pub(super) type Step = Arc<dyn Fn(&'static str) -> Result<()> + Send + Sync>;

/// The lake's place. All names are relative to it, with `/` between folders.
#[derive(Clone)]
pub(super) struct Store {
    place: Arc<dyn Place>,
    step: Option<Step>,
}

impl Store {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { place: Arc::new(FolderPlace::new(root)), step: None }
    }

    pub(super) fn in_bucket(bucket: Bucket, own: &Path, room: u64) -> Self {
        Self { place: Arc::new(BucketPlace::new(bucket, own, room)), step: None }
    }

    pub(super) fn watched(self, step: Step) -> Self {
        Self { step: Some(step), ..self }
    }

    /// A place where a killed process leaves the files as they are now.
    pub(super) fn step(&self, name: &'static str) -> Result<()> {
        fault::point(name);
        self.step.as_ref().map_or(Ok(()), |step| step(name))
    }

    /// A created file with these bytes.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        let written = self.create(name)?.write_all(bytes);
        written.map_err(|error| failed("write a file", self.shown(name), error))
    }

    /// Every data file of a table, whoever wrote it.
    pub(super) fn data_files(&self, table: &str) -> Result<Vec<String>> {
        let found = self.parquet_files(&[table])?;
        Ok(found.into_keys().filter(|name| is_data(table, name)).collect())
    }

    /// Does something for each of many: in their order, or, where each waits for the network, several at a time.
    pub(super) fn each<T: Sync>(
        &self,
        items: &[T],
        width: usize,
        work: impl Fn(&T) -> Result<()> + Sync,
    ) -> Result<()> {
        let width = width.min(items.len());
        if width <= 1 {
            return items.iter().try_for_each(work);
        }
        let turn = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            let run = || {
                while let Some(item) = items.get(turn.fetch_add(1, Ordering::Relaxed)) {
                    work(item)?;
                }
                Ok(())
            };
            let threads: Vec<_> = (0..width).map(|_| scope.spawn(run)).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, Result<()>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            let answers: Vec<Result<()>> = threads.into_iter().map(join).collect();
            answers.into_iter().collect()
        })
    }
}

impl Deref for Store {
    type Target = dyn Place;

    fn deref(&self) -> &Self::Target {
        &*self.place
    }
}

/// The name of a key file. No two writers give the same: what a late one puts is never taken for that of another.
pub(super) fn key_file(fence: Fence, number: u64) -> String {
    format!("{KEYS}/{number:08}-{fence}.keys")
}

/// The fence of who wrote a file in the staging folder or a key file.
pub(super) fn fence_of(name: &str) -> Option<Fence> {
    let fence = match name.strip_prefix(STAGING) {
        Some(rest) => rest.strip_prefix("/load-")?.split('-').next()?,
        None => name.strip_suffix(".keys")?.rsplit_once('-')?.1,
    };
    fence.parse().ok()
}

/// Whether one of these is a table's data file, by its name.
pub(super) fn is_data(table: &str, name: &str) -> bool {
    let Some((folder, file)) = name.rsplit_once('/') else { return false };
    let partition = folder.strip_prefix(table).is_some_and(|rest| rest.is_empty() || is_partition(rest));
    partition && file.starts_with("data-") && file.ends_with(".parquet")
}

fn is_partition(rest: &str) -> bool {
    rest.strip_prefix("/call_month=").is_some_and(|month| !month.contains('/'))
}
