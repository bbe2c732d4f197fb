//! Trying out a bucket: `clarion check` does, nobody else.

use bytes::Bytes;
use clarion_core::{Error, Kind, Result};

use crate::bucket::{Bucket, Version};

/// What a bucket can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probed {
    /// Whether it refuses a second write where only the first may be. Without, a writer that lost its lease is found
    /// out by looking, and not by the store.
    pub conditional: bool,
}

impl Bucket {
    /// Writes, reads, lists and removes one small object of this name.
    pub fn probe(&self, name: &str) -> Result<Probed> {
        let names = [name.to_owned()];
        self.delete(&names)?;
        let first = self.create(name, Bytes::from_static(b"first"))?;
        let second = self.is_refused(name, b"second", &Version::default())?;
        let replaced = if second {
            self.replace(name, Bytes::from_static(b"third"), &first)?
        } else {
            self.put(name, Bytes::from_static(b"third"))?
        };
        let late = self.is_refused(name, b"fourth", &first)?;
        let conditional = second && late && replaced != first;
        let listed = self.list(name.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        self.delete(&names)?;
        if listed.iter().all(|object| object.name != name) {
            return Err(Error::new(Kind::Storage, "the bucket does not list what was written to it")
                .with("object", self.shown(name))
                .hint("use another prefix, or a store that lists an object as soon as it is written"));
        }
        Ok(Probed { conditional })
    }
}
