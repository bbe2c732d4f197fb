//! The destination's handle: what the lake holds, and the beginning of loads.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clarion_core::{
    Audit, Clock, Destination, DestinationState, Error, Fence, Kind, Load, LoadSpec, PurgeSpec, Result,
    Retry, SchemaChanged, TableName, TableSchema, TableStats, check_journal,
};
use clarion_object_storage::Bucket;
use tokio::task::spawn_blocking;

use super::load::{ParquetLoad, Work};
use super::manifest::{Manifest, TableEntry};
use super::purge;
use super::recover::{recover, verify};
use super::store::{STAGING, Store};
use super::table::Context;
use super::{audit, fence, metadata};

/// `inspect` of another process holds the lock for milliseconds; a load holds it for long.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(100);
/// The own disk's part of a lake in a bucket while a load is under way; a rebuild has the size of the whole lake.
const ROOM: u64 = 1 << 30;
/// A commit between manifest and listing has the lake looked at again; one each time means that all is well.
const LOOKS: u32 = 5;

/// Parquet files in a folder or a bucket, one folder a table, readable by anything that reads Parquet.
pub struct ParquetDestination {
    name: Arc<str>,
    store: Store,
    clock: Arc<dyn Clock>,
    fence: AtomicU64,
    loads: AtomicU64,
}

impl ParquetDestination {
    /// Nothing is created before the first load. Fails if `root` is there and is no folder.
    pub fn open(name: impl Into<String>, root: PathBuf, clock: Arc<dyn Clock>) -> Result<Self> {
        if root.exists() && !root.is_dir() {
            return Err(Error::new(Kind::Config, "the lake's url is not a folder")
                .with("path", root.display())
                .hint("set another url for the destination, or remove that file"));
        }
        Ok(Self::on(name, Store::new(root), clock))
    }

    /// In a bucket, which is asked nothing yet. A load's files lie in the folder `own`, which no other lake has, until
    /// they go up.
    pub fn in_bucket(name: impl Into<String>, bucket: Bucket, own: &Path, clock: Arc<dyn Clock>) -> Self {
        Self::on(name, Store::in_bucket(bucket, own, ROOM), clock)
    }

    /// For tests: with so much room in `own` for files that are not up yet.
    #[doc(hidden)]
    pub fn in_bucket_with_room(bucket: Bucket, own: &Path, room: u64, clock: Arc<dyn Clock>) -> Self {
        Self::on("lake", Store::in_bucket(bucket, own, room), clock)
    }

    fn on(name: impl Into<String>, store: Store, clock: Arc<dyn Clock>) -> Self {
        Self { name: name.into().into(), store, clock, fence: AtomicU64::new(0), loads: AtomicU64::new(0) }
    }

    /// For tests: `step` is called at every durable step of a commit and may end it there, as a kill would.
    #[doc(hidden)]
    pub fn watched(self, step: impl Fn(&'static str) -> Result<()> + Send + Sync + 'static) -> Self {
        Self { store: self.store.watched(Arc::new(step)), ..self }
    }

    async fn lock(&self) -> Result<File> {
        for _ in 0..LOCK_TRIES {
            if let Some(lock) = self.store.lock()? {
                return Ok(lock);
            }
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Err(Error::new(Kind::Conflict, "another load of this destination is under way")
            .retry(Retry::Temporary)
            .with("destination", &self.name)
            .hint("wait for it to end"))
    }

    fn check(&self, manifest: &Manifest, spec: &LoadSpec) -> Result<()> {
        let highest = self.fence.load(Ordering::Relaxed).max(manifest.fence);
        if spec.fence < highest {
            return Err(Error::new(Kind::Conflict, "a later run has loaded this destination")
                .with("destination", &self.name)
                .with("fence", spec.fence)
                .with("highest", highest));
        }
        if !spec.replace {
            check_journal(manifest.journal.as_ref(), &spec.journal, &self.name)?;
        }
        if !spec.replace && manifest.position != spec.from {
            return Err(Error::new(Kind::Conflict, "the destination is at another position")
                .with("destination", &self.name)
                .with("position", manifest.position)
                .with("expected", spec.from));
        }
        self.fence.fetch_max(spec.fence, Ordering::Relaxed);
        Ok(())
    }

    /// A folder of its own for a load's files.
    fn staging(&self, fence: Fence) -> String {
        format!("{STAGING}/load-{fence}-{}", self.loads.fetch_add(1, Ordering::Relaxed))
    }
}

#[async_trait]
impl Destination for ParquetDestination {
    fn name(&self) -> &str {
        &self.name
    }

    async fn inspect(&self) -> Result<DestinationState> {
        let (store, name) = (self.store.clone(), self.name.clone());
        spawn_blocking(move || inspect(&store, &name)).await.map_err(panicked)?
    }

    async fn remembered(&self) -> Result<BTreeMap<TableName, Arc<TableSchema>>> {
        let (store, name) = (self.store.clone(), self.name.clone());
        let remembered = spawn_blocking(move || remembered(&store, &name));
        remembered.await.map_err(panicked)?
    }

    async fn schema_history(&self) -> Result<Vec<SchemaChanged>> {
        let store = self.store.clone();
        spawn_blocking(move || metadata::history(&store)).await.map_err(panicked)?
    }

    async fn begin(&self, spec: LoadSpec) -> Result<Box<dyn Load>> {
        Ok(Box::new(ParquetLoad::new(self.work(spec).await?)))
    }

    async fn audit(&self) -> Result<Box<dyn Audit>> {
        Ok(Box::new(audit::open(self.store.clone(), self.name.clone()).await?))
    }

    async fn purge(&self, spec: PurgeSpec) -> Result<u64> {
        if !self.store.is_begun()? {
            return Ok(0);
        }
        let (store, name, fence) = (self.store.clone(), self.name.clone(), spec.fence);
        let lock = self.lock().await?;
        let tidied = spawn_blocking(move || {
            raise_shared(&store, &name, fence)?;
            purge::tidy(&store, &name)
        });
        let Some(manifest) = tidied.await.map_err(panicked)?? else { return Ok(0) };
        let mut work = self.work_on(manifest.clone(), purge::load_spec(spec, &manifest), lock)?;
        spawn_blocking(move || purge::purge(&mut work)).await.map_err(panicked)?
    }
}

impl ParquetDestination {
    async fn work(&self, spec: LoadSpec) -> Result<Work> {
        let lock = self.lock().await?;
        let (store, name, replace, fence) = (self.store.clone(), self.name.clone(), spec.replace, spec.fence);
        let before = spawn_blocking(move || {
            raise_shared(&store, &name, fence)?;
            before_load(&store, &name, replace)
        });
        let manifest = before.await.map_err(panicked)??;
        self.work_on(manifest, spec, lock)
    }

    fn work_on(&self, manifest: Manifest, spec: LoadSpec, lock: File) -> Result<Work> {
        self.check(&manifest, &spec)?;
        if !self.store.is_shared() {
            fence::raise(&self.store, &self.name, spec.fence)?;
        }
        let context = Context {
            store: self.store.clone(),
            destination: self.name.clone(),
            staging: self.staging(spec.fence),
            announced: spec.keys.clone(),
            loaded_at: spec.loaded_at,
            past_number: past_number(&self.store, &manifest),
            again: spec.again,
        };
        Ok(Work {
            context,
            spec,
            clock: self.clock.clone(),
            began: self.clock.now(),
            manifest,
            tables: BTreeMap::new(),
            novelties: Vec::new(),
            committed: false,
            _lock: lock,
        })
    }
}

/// In a shared place a request to remove a file may arrive when its writer has long lost the lease. So no name comes
/// again there: every data file has a key file, and those are numbered through for good.
fn past_number(store: &Store, manifest: &Manifest) -> u64 {
    if store.is_shared() { manifest.next_keys - 1 } else { 0 }
}

/// In a shared place the fence is raised before anything is swept: from then on no earlier load can commit what it
/// staged.
fn raise_shared(store: &Store, destination: &str, fence: Fence) -> Result<()> {
    if store.is_shared() { fence::raise(store, destination, fence) } else { Ok(()) }
}

fn inspect(store: &Store, destination: &str) -> Result<DestinationState> {
    if !store.is_begun()? {
        return Ok(DestinationState::default());
    }
    let manifest = if store.is_shared() { look(store, destination)? } else { tidy(store, destination)? };
    Ok(manifest.map(describe).unwrap_or_default())
}

fn remembered(store: &Store, destination: &str) -> Result<BTreeMap<TableName, Arc<TableSchema>>> {
    if !store.is_begun()? {
        return Ok(BTreeMap::new());
    }
    let manifest = Manifest::read(store, destination)?;
    Ok(manifest.map(|manifest| describe(manifest).schemas).unwrap_or_default())
}

/// Looks at a lake of this machine, and finishes what a killed load left.
fn tidy(store: &Store, destination: &str) -> Result<Option<Manifest>> {
    // While a load is under way its files are its own: what it has committed so far is what there is.
    let Some(_lock) = store.lock()? else { return Manifest::read(store, destination) };
    let manifest = recover(store, destination)?;
    manifest.as_ref().map_or(Ok(()), |manifest| verify(store, destination, manifest))?;
    Ok(manifest)
}

/// Looks at a lake that somebody on another machine may be writing, and changes nothing: who writes may have finished
/// any step long before it is done here. A commit under way has files that are no longer, or not yet, what the manifest
/// lists; so has one that began between manifest and listing.
fn look(store: &Store, destination: &str) -> Result<Option<Manifest>> {
    let mut manifest = Manifest::read(store, destination)?;
    for _ in 0..LOOKS {
        let Some(looked_at) = manifest.as_ref().filter(|manifest| manifest.pending.is_empty()) else { break };
        let verified = verify(store, destination, looked_at);
        match verified {
            Err(error) if error.kind() == Kind::Corrupt => {
                let now = Manifest::read(store, destination)?;
                if now.as_ref().map(|now| &now.version) == Some(&looked_at.version) {
                    return Err(error);
                }
                manifest = now;
            }
            verified => return verified.map(|()| manifest),
        }
    }
    Ok(manifest)
}

/// The manifest from which a load goes on. A rebuild goes on from a damaged lake too.
fn before_load(store: &Store, destination: &str, replace: bool) -> Result<Manifest> {
    let recovered = recover(store, destination).and_then(|manifest| {
        let manifest = manifest.unwrap_or_default();
        if !replace {
            verify(store, destination, &manifest)?;
        }
        Ok(manifest)
    });
    match recovered {
        Err(error) if replace && error.kind() == Kind::Corrupt => {
            tracing::warn!(destination, error = error.chain(), "rebuilding a damaged lake");
            Ok(Manifest { pending: Vec::new(), ..Manifest::salvage(store, destination) })
        }
        other => other,
    }
}

pub(super) fn describe(manifest: Manifest) -> DestinationState {
    let mut state = DestinationState {
        position: manifest.position,
        journal: manifest.journal,
        unfinished: !manifest.pending.is_empty(),
        ..DestinationState::default()
    };
    for (name, TableEntry { schema, files }) in manifest.tables {
        let rows = files.iter().map(|file| file.rows).sum();
        let bytes = files.iter().map(|file| file.bytes).sum();
        state.tables.insert(name.clone(), TableStats { rows, bytes });
        state.schemas.insert(name, Arc::new(schema));
    }
    state
}

pub(super) fn panicked(error: tokio::task::JoinError) -> Error {
    Error::new(Kind::Storage, "looking at the lake ended in a panic").source(error)
}
