//! A prefix in a bucket: every object is put whole.
//!
//! The store is the guard: a segment is put only where there is none, and everything else only in the place of what was
//! read. A process that lost its lease without knowing can so at most put the one segment that it had under way, as if
//! it had been a moment earlier; whoever came after it finds that, and says so instead of writing past it.

use std::fs::File;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use clarion_core::{Error, Fence, Kind, Result, fault};
use clarion_object_storage::{Bucket, Version};

use super::{Found, Points, Shelf};

const FENCE: &str = "fence";

#[derive(Debug)]
pub(crate) struct BucketShelf {
    bucket: Bucket,
    lock: PathBuf,
}

impl BucketShelf {
    /// `lock` is a file of this machine.
    pub(crate) fn new(bucket: Bucket, lock: PathBuf) -> Self {
        Self { bucket, lock }
    }
}

impl Shelf for BucketShelf {
    fn shown(&self, name: &str) -> String {
        self.bucket.shown(name)
    }

    /// Nothing: a bucket has no folders, and trying it out is what `clarion check` is for.
    fn prepare(&self) -> Result<()> {
        Ok(())
    }

    fn get(&self, name: &str) -> Result<Option<Found>> {
        let found = self.bucket.get(name)?;
        Ok(found.map(|object| Found { bytes: object.bytes, version: object.version }))
    }

    fn get_all(&self, names: &[String]) -> Result<Vec<Option<Bytes>>> {
        self.bucket.get_all(names)
    }

    fn get_start(&self, name: &str, length: u64) -> Result<Option<Bytes>> {
        self.bucket.get_range(name, 0..length)
    }

    fn list(&self, folder: &str, after: &str) -> Result<Vec<String>> {
        let listed = match after {
            "" => self.bucket.list(folder)?,
            after => self.bucket.list_after(folder, &format!("{folder}/{after}"))?,
        };
        let name = |name: &str| name.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned);
        Ok(listed.iter().filter_map(|object| name(&object.name)).collect())
    }

    fn create(&self, name: &str, parts: &[&[u8]], points: Points) -> Result<()> {
        self.replace(name, parts, &Version::default(), points)
    }

    fn replace(&self, name: &str, parts: &[&[u8]], was: &Version, points: Points) -> Result<()> {
        fault::point(points[0]);
        let bytes = Bytes::from(parts.concat());
        if fault::defect("journal.blind_put") {
            self.bucket.put(name, bytes)?;
        } else {
            self.bucket.replace(name, bytes, was)?;
        }
        fault::point(points[1]);
        Ok(())
    }

    /// Nothing: what was not put whole was not put.
    fn sweep(&self, _folder: &str) -> Result<()> {
        Ok(())
    }

    fn lock(&self) -> &Path {
        &self.lock
    }

    fn fence(&self, _lock: &mut File) -> Result<(Fence, Version)> {
        let Some(object) = self.bucket.get(FENCE)? else { return Ok((0, Version::default())) };
        let text = String::from_utf8_lossy(&object.bytes);
        let fence = text.trim().parse().map_err(|error: std::num::ParseIntError| {
            Error::new(Kind::Corrupt, "the journal's fence cannot be read")
                .with("object", self.shown(FENCE))
                .hint("remove it when no clarion is running; the next one writes it anew")
                .source(error)
        })?;
        Ok((fence, object.version))
    }

    fn raise(&self, _lock: &mut File, fence: Fence, was: &Version) -> Result<()> {
        self.bucket.replace(FENCE, Bytes::from(format!("{fence:020}\n")), was).map(drop)
    }
}
