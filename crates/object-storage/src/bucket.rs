//! The objects below one prefix of a bucket.

use std::fs::File;
use std::io::{Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use clarion_core::{Error, Kind, Result, Retry};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error as StoreError, GetOptions, GetResult, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMode, PutOptions, PutPayload, PutResult, UpdateVersion, WriteMultipart,
};
use url::Url;

use crate::failure::{changed, failed};
use crate::open::open;
use crate::wait::wait;

/// Writes whose answer was lost are looked after and repeated up to this many times.
const WRITES: usize = 3;
/// Larger files go up in parts of this size, the smallest that S3 takes: a few of each file are in memory.
const PART_BYTES: usize = 5 << 20;
const PARTS_AT_ONCE: usize = 2;
/// Small objects read at a time.
const READS_AT_ONCE: usize = 16;

/// A prefix in a bucket; names are relative to it, with `/` between folders.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    shown: Arc<str>,
}

/// Which bytes an object had when it was read; `None` for one that was not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version(Option<UpdateVersion>);

#[derive(Debug, Clone)]
pub struct Object {
    pub bytes: Bytes,
    pub version: Version,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub bytes: u64,
}

impl Bucket {
    /// Asks nothing of the store.
    pub fn open(url: &Url) -> Result<Self> {
        let store = open(url)?;
        let (bucket, prefix) = (url.host_str().unwrap_or_default(), url.path().trim_matches('/'));
        let prefix = Path::from_url_path(prefix).map_err(|error| {
            Error::new(Kind::Config, "the prefix of a bucket cannot be used").with("url", url).source(error)
        })?;
        let shown = format!("{}://{bucket}/{prefix}", url.scheme());
        Ok(Self { store, prefix, shown: shown.trim_end_matches('/').into() })
    }

    /// On a store that is there already.
    pub fn over(store: Arc<dyn ObjectStore>, shown: &str) -> Self {
        Self { store, prefix: Path::default(), shown: shown.into() }
    }

    /// The bucket and its prefix as a URL, without parameters.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// How an object is named to people.
    pub fn shown(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }

    /// The whole object; `None` where there is none.
    pub fn get(&self, name: &str) -> Result<Option<Object>> {
        let (store, path) = self.at(name);
        let read = wait(async move {
            let found = store.get_opts(&path, GetOptions::default()).await?;
            let version = version_of(&found.meta);
            Ok(Object { bytes: found.bytes().await?, version })
        });
        absent_is_none(read).map_err(|error| failed("cannot read an object", &self.shown(name), error))
    }

    /// Many small objects, in the order of their names.
    pub fn get_all(&self, names: &[String]) -> Result<Vec<Option<Bytes>>> {
        let (store, paths) = (self.store.clone(), self.paths(names));
        let read = wait(async move {
            let one = |path: Path| {
                let store = store.clone();
                async move {
                    let read: Result<Bytes, StoreError> =
                        async { store.get(&path).await?.bytes().await }.await;
                    absent_is_none(read)
                }
            };
            futures::stream::iter(paths).map(one).buffered(READS_AT_ONCE).try_collect().await
        });
        read.map_err(|error| failed("cannot read objects", &self.shown, error))
    }

    /// The part of an object that is in `range`, which may go past its end; `None` where there is no object.
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Bytes>> {
        let (store, path) = self.at(name);
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        let read = wait(async move { store.get_opts(&path, options).await?.bytes().await });
        absent_is_none(read).map_err(|error| failed("cannot read an object", &self.shown(name), error))
    }

    /// Writes an object to a file, from where that stands; false where there is no object.
    pub fn download(&self, name: &str, file: &mut File) -> Result<bool> {
        let (store, path) = self.at(name);
        let shown = self.shown(name);
        let opened = wait(async move { store.get(&path).await });
        let Some(found) =
            absent_is_none(opened).map_err(|error| failed("cannot read an object", &shown, error))?
        else {
            return Ok(false);
        };
        let mut rest: ChunkStream = GetResult::into_stream(found);
        loop {
            let (chunk, stream) = wait(async move { (rest.next().await, rest) });
            rest = stream;
            match chunk {
                None => return Ok(true),
                Some(Ok(bytes)) => file.write_all(&bytes).map_err(|error| local(&shown, error))?,
                Some(Err(error)) => return Err(failed("cannot read an object", &shown, error)),
            }
        }
    }

    /// The size of an object and its version; `None` where there is none.
    pub fn head(&self, name: &str) -> Result<Option<(u64, Version)>> {
        let (store, path) = self.at(name);
        let looked = wait(async move { store.head(&path).await });
        let looked = absent_is_none(looked);
        let looked = looked.map_err(|error| failed("cannot look at an object", &self.shown(name), error))?;
        Ok(looked.map(|meta| (meta.size, version_of(&meta))))
    }

    /// Every object below a folder, the whole bucket for an empty one, by name.
    pub fn list(&self, folder: &str) -> Result<Vec<Listed>> {
        self.listed(folder, None)
    }

    /// Those whose name comes after `after`, which the store passes over.
    pub fn list_after(&self, folder: &str, after: &str) -> Result<Vec<Listed>> {
        self.listed(folder, Some(after))
    }

    fn listed(&self, folder: &str, after: Option<&str>) -> Result<Vec<Listed>> {
        let (store, path) = self.at(folder);
        let after = after.map(|after| self.path(after));
        let found: Result<Vec<ObjectMeta>, StoreError> = wait(async move {
            match after {
                Some(after) => store.list_with_offset(Some(&path), &after).try_collect().await,
                None => store.list(Some(&path)).try_collect().await,
            }
        });
        let found = found.map_err(|error| failed("cannot list objects", &self.shown(folder), error))?;
        let mut listed: Vec<Listed> = found
            .into_iter()
            .filter_map(|meta| Some(Listed { name: self.name(&meta.location)?, bytes: meta.size }))
            .collect();
        listed.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listed)
    }

    /// Writes an object where there is none.
    ///
    /// # Behavior
    /// - `Conflict` where there is one with other bytes; one with these bytes is ours, from a write whose answer was
    ///   lost.
    /// - The store is looked at first. That is all there is on one without conditional writes, and two writers at one
    ///   instant can get past it: [`Bucket::probe`] tells.
    pub fn create(&self, name: &str, bytes: Bytes) -> Result<Version> {
        self.replace(name, bytes, &Version::default())
    }

    /// Writes an object that is still as it was when `was` was read.
    ///
    /// # Behavior
    /// - As [`Bucket::create`].
    pub fn replace(&self, name: &str, bytes: Bytes, was: &Version) -> Result<Version> {
        let mut refused = None;
        for _ in 0..WRITES {
            if let Some(ours) = self.look(name, &bytes, was)? {
                return Ok(ours);
            }
            let mode = was.0.clone().map_or(PutMode::Create, PutMode::Update);
            match self.put_as(name, bytes.clone(), mode) {
                Ok(version) => return Ok(version),
                Err(StoreError::NotImplemented { .. }) => return self.put(name, bytes),
                Err(error) => refused = Some(error),
            }
        }
        if let Some(ours) = self.look(name, &bytes, was)? {
            return Ok(ours);
        }
        let error = refused.expect("a write was tried");
        Err(failed("cannot write an object", &self.shown(name), error))
    }

    /// Looks before a write: some stores take its condition and never look at it. `None` where the object is as it was,
    /// its version where somebody wrote these bytes: ourselves, in a write whose answer was lost.
    fn look(&self, name: &str, bytes: &Bytes, was: &Version) -> Result<Option<Version>> {
        let there = self.head(name)?.map(|(_, version)| version).unwrap_or_default();
        if there == *was {
            return Ok(None);
        }
        match self.get(name)? {
            Some(found) if found.bytes == *bytes => Ok(Some(found.version)),
            _ => Err(changed(&self.shown(name))),
        }
    }

    /// Whether the store itself refuses to write an object that is not as it was.
    pub(crate) fn is_refused(&self, name: &str, bytes: &'static [u8], was: &Version) -> Result<bool> {
        let mode = was.0.clone().map_or(PutMode::Create, PutMode::Update);
        match self.put_as(name, Bytes::from_static(bytes), mode) {
            Ok(_) | Err(StoreError::NotImplemented { .. }) => Ok(false),
            Err(StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => Ok(true),
            Err(error) => Err(failed("cannot write an object", &self.shown(name), error)),
        }
    }

    /// Writes an object, whatever is there.
    pub fn put(&self, name: &str, bytes: Bytes) -> Result<Version> {
        let written = self.put_as(name, bytes, PutMode::Overwrite);
        written.map_err(|error| failed("cannot write an object", &self.shown(name), error))
    }

    fn put_as(&self, name: &str, bytes: Bytes, mode: PutMode) -> Result<Version, StoreError> {
        let (store, path) = self.at(name);
        let options = PutOptions { mode, ..PutOptions::default() };
        wait(async move { store.put_opts(&path, PutPayload::from(bytes), options).await }).map(Version::from)
    }

    /// Writes a file as an object, in parts where it is large. Parts of an upload that fails are given up; those of a
    /// killed process stay, unseen, until the bucket's own rule removes them.
    pub fn upload(&self, name: &str, file: &mut File) -> Result<u64> {
        let shown = self.shown(name);
        file.rewind().map_err(|error| local(&shown, error))?;
        let mut part = next_part(file).map_err(|error| local(&shown, error))?;
        if part.len() < PART_BYTES {
            let bytes = part.len() as u64;
            return self.put(name, part.into()).map(|_| bytes);
        }
        let refused = |error| failed("cannot write an object", &shown, error);
        let (store, path) = self.at(name);
        let begun = wait(async move { store.put_multipart(&path).await }).map_err(refused)?;
        let mut upload = WriteMultipart::new_with_chunk_size(begun, PART_BYTES);
        let mut bytes = 0;
        while !part.is_empty() {
            bytes += part.len() as u64;
            let (ready, mut open) =
                wait(async move { (upload.wait_for_capacity(PARTS_AT_ONCE).await, upload) });
            if let Err(error) = ready {
                let _ = wait(open.abort());
                return Err(refused(error));
            }
            // Parts are tasks of the runtime they begin on.
            upload = wait(async move {
                open.put(part.into());
                open
            });
            part = match next_part(file) {
                Ok(part) => part,
                Err(error) => {
                    let _ = wait(upload.abort());
                    return Err(local(&shown, error));
                }
            };
        }
        wait(upload.finish()).map_err(refused)?;
        Ok(bytes)
    }

    /// Copies an object within the store, over what is there; false where there is none to copy.
    pub fn copy(&self, from: &str, to: &str) -> Result<bool> {
        let (store, source) = self.at(from);
        let target = self.path(to);
        let copied = wait(async move { store.copy_opts(&source, &target, CopyOptions::default()).await });
        let copied = absent_is_none(copied);
        Ok(copied.map_err(|error| failed("cannot copy an object", &self.shown(to), error))?.is_some())
    }

    /// Removes objects; those that are not there are fine.
    pub fn delete(&self, names: &[String]) -> Result<()> {
        let (store, paths) = (self.store.clone(), self.paths(names));
        let deleted = wait(async move {
            let paths = futures::stream::iter(paths.into_iter().map(Ok)).boxed();
            let mut answers = store.delete_stream(paths);
            while let Some(answer) = answers.next().await {
                absent_is_none(answer)?;
            }
            Ok(())
        });
        deleted.map_err(|error| failed("cannot remove objects", &self.shown, error))
    }

    fn at(&self, name: &str) -> (Arc<dyn ObjectStore>, Path) {
        (self.store.clone(), self.path(name))
    }

    fn paths(&self, names: &[String]) -> Vec<Path> {
        names.iter().map(|name| self.path(name)).collect()
    }

    /// The prefix stays what it is in the bucket; our own names have nothing in them that would be encoded.
    fn path(&self, name: &str) -> Path {
        let mut path = self.prefix.clone();
        path.extend(name.split('/'));
        path
    }

    fn name(&self, path: &Path) -> Option<String> {
        let rest = path.as_ref().strip_prefix(self.prefix.as_ref())?;
        Some(rest.trim_start_matches('/').to_owned())
    }
}

type ChunkStream = futures::stream::BoxStream<'static, Result<Bytes, StoreError>>;

impl Version {
    /// Whether there was an object.
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

impl From<PutResult> for Version {
    fn from(written: PutResult) -> Self {
        Self(Some(written.into()))
    }
}

fn version_of(meta: &ObjectMeta) -> Version {
    Version(Some(UpdateVersion { e_tag: meta.e_tag.clone(), version: meta.version.clone() }))
}

fn absent_is_none<T>(result: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(StoreError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As many bytes as a part has, fewer at the end of the file.
fn next_part(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(PART_BYTES as u64).read_to_end(&mut part)?;
    Ok(part)
}

/// The own disk, between a file and its object.
fn local(object: &str, error: std::io::Error) -> Error {
    Error::new(Kind::Storage, "cannot use the own copy of an object")
        .retry(Retry::Persistent)
        .with("object", object)
        .hint("look at the disk of the data folder; nothing acknowledged is lost")
        .source(error)
}
