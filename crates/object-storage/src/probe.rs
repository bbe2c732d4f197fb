//! Trying out a bucket: `clarion check` does, nobody else.

use bytes::Bytes;
use clarion_core::{Kind, Result};

use crate::bucket::Bucket;

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
        let second = self.create(name, Bytes::from_static(b"second"));
        let stale = match &second {
            Ok(version) => version.clone(),
            Err(error) if error.kind() == Kind::Conflict => first,
            Err(_) => return second.map(|_| Probed { conditional: false }),
        };
        let replaced = self.replace(name, Bytes::from_static(b"third"), &stale)?;
        let late = self.replace(name, Bytes::from_static(b"fourth"), &stale);
        let conditional = second.is_err() && late.is_err() && replaced != stale;
        self.list(name.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        self.delete(&names)?;
        Ok(Probed { conditional })
    }
}
