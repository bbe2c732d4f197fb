//! From settings to an engine: the one place that knows every implementation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clarion_core::{
    Clock, Destination, Error, Lease as _, MakeNormaliser, Normalise, Observer, Result, Ruled, Rules, Source,
    Stop, SystemClock,
};
use clarion_extractor::{ClariSource, Credentials};
use clarion_journal::FileJournal;
use clarion_loader::{Normaliser, ParquetDestination, PostgresDestination, PostgresSettings, StreamKeys};
use clarion_object_storage::{Bucket, Location};
use clarion_pipeline::{Engine, MakeSource, Stores, Writer};
use clarion_state_store::{Store, StoreLease};

use crate::offline::Offline;
use crate::settings::{
    DestinationKind, DestinationSettings, Effective, Settings, credentials, destination_url, hash_key,
};

/// An engine, and the lease that its writing commands take.
pub(crate) struct Wired {
    pub(crate) engine: Engine,
    pub(crate) lease: StoreLease,
    store: Arc<Store>,
}

impl Wired {
    /// Takes the lease: this process is now the one that writes.
    pub(crate) async fn writer(&self, command: &str) -> Result<Writer> {
        let guard = self.lease.take(command).await?;
        Ok(Writer::new(self.engine.stores.clock.as_ref(), guard))
    }

    /// Makes a source from the credentials as they are at that moment.
    pub(crate) fn make_source(&self, effective: &Effective) -> MakeSource {
        let (effective, store) = (effective.clone(), self.store.clone());
        let observer = self.engine.stores.observer.clone();
        let rules = self.engine.stores.rules.clone();
        Arc::new(move || {
            let credentials = credentials(&effective.settings.source, &effective.data_dir)?;
            source(&effective, credentials, store.clone(), &observer, &rules)
        })
    }
}

/// Without credentials the engine makes no requests.
pub(crate) async fn wire(
    effective: &Effective,
    online: Option<Credentials>,
    observer: Arc<dyn Observer>,
    stop: Stop,
) -> Result<Wired> {
    let settings = &effective.settings;
    let clock = clock();
    let rules = Arc::new(rules(settings, &effective.data_dir)?);
    let journal = journal(effective, clock.clone())?;
    let store = Arc::new(Store::open(&settings.state, &effective.data_dir, clock.clone()).await?);
    let lease = store.lease(&effective.data_dir);
    let source: Arc<dyn Source> = match online {
        None => Arc::new(Offline),
        Some(credentials) => source(effective, credentials, store.clone(), &observer, &rules)?,
    };
    let history_start = settings.source.history_start_at(clock.now())?;
    let stores = Stores {
        journal: Arc::new(journal),
        state: store.clone(),
        ledger: store.clone(),
        inbox: store.clone(),
        declared: settings.streams.declared().map(clarion_pipeline::naming_its_call).collect(),
        clock,
        observer,
        stop,
        rules,
    };
    let engine = Engine {
        stores,
        source,
        destinations: destinations(effective)?,
        make_normaliser: make_normaliser(settings),
        streams: settings.streams.clone(),
        history_start,
        include_private: settings.source.include_private,
        concurrency: settings.source.concurrency,
        weekly_requests: settings.source.weekly_requests,
        requests_per_second: settings.source.requests_per_second,
    };
    Ok(Wired { engine, lease, store })
}

/// In a bucket it is asked nothing yet.
pub(crate) fn journal(effective: &Effective, clock: Arc<dyn Clock>) -> Result<FileJournal> {
    let workspace = effective.settings.source.base_url.clone();
    match effective.settings.journal.location(&effective.data_dir)? {
        Location::Folder(folder) => FileJournal::open(folder, workspace, clock),
        Location::Bucket(url) => {
            let own = own_folder(effective, "journal", &url);
            FileJournal::in_bucket(Bucket::open(&url)?, own, workspace, clock)
        }
    }
}

/// What is kept on the own disk of a bucket: the journal's open segment, a load's files before they go up.
fn own_folder(effective: &Effective, of: &str, url: &url::Url) -> PathBuf {
    effective.data_dir.join("data/buckets").join(format!("{of}-{}", clarion_object_storage::slug(url)))
}

/// The machine's clock. In a build with fail points `CLARION_TEST_NOW` sets it, so that weeks pass at once under test.
pub(crate) fn clock() -> Arc<dyn Clock> {
    #[cfg(feature = "failpoints")]
    if let Some(now) = crate::settings::from_environment("CLARION_TEST_NOW") {
        let now = clarion_core::parse_timestamp(&now).expect("CLARION_TEST_NOW is a time");
        return Arc::new(clarion_core::ShiftedClock::starting_at(now));
    }
    Arc::new(SystemClock)
}

/// The column rules of every stream, checked.
pub(crate) fn rules(settings: &Settings, data_dir: &Path) -> Result<Rules> {
    Rules::new(settings.streams.columns(), hash_key(&settings.privacy, data_dir)?)
}

/// The vendor's API behind its gate. Whatever comes of it has passed the column rules.
pub(crate) fn source(
    effective: &Effective,
    credentials: Credentials,
    store: Arc<Store>,
    observer: &Arc<dyn Observer>,
    rules: &Arc<Rules>,
) -> Result<Arc<dyn Source>> {
    let source = vendor(effective, credentials, store, observer)?;
    Ok(Arc::new(Ruled::new(source, rules.clone())))
}

/// The same where more is asked of it than the port has.
pub(crate) fn vendor(
    effective: &Effective,
    credentials: Credentials,
    store: Arc<Store>,
    observer: &Arc<dyn Observer>,
) -> Result<ClariSource> {
    let settings = effective.settings.source.clone();
    ClariSource::new(settings, credentials, store, clock(), observer.clone())
}

/// Opens nothing: a destination that is down must not keep extraction from running.
pub(crate) fn destinations(effective: &Effective) -> Result<Vec<Arc<dyn Destination>>> {
    effective.settings.destinations.iter().map(|settings| destination(settings, effective)).collect()
}

pub(crate) fn destination(
    settings: &DestinationSettings,
    effective: &Effective,
) -> Result<Arc<dyn Destination>> {
    let url = destination_url(settings)?;
    Ok(match settings.kind {
        DestinationKind::Parquet => {
            let named = |error: Error| error.with("destination", &settings.name);
            match Location::parse(&url, &effective.data_dir).map_err(named)? {
                Location::Folder(root) => Arc::new(ParquetDestination::open(&settings.name, root, clock())?),
                Location::Bucket(url) => {
                    let (bucket, own) =
                        (Bucket::open(&url).map_err(named)?, own_folder(effective, "lake", &url));
                    Arc::new(ParquetDestination::in_bucket(&settings.name, bucket, &own, clock()))
                }
            }
        }
        DestinationKind::Postgres => {
            let mut postgres = PostgresSettings::new(url);
            postgres.schema.clone_from(&settings.schema);
            postgres.deletes = settings.deletes.into();
            Arc::new(PostgresDestination::connect(&settings.name, postgres)?)
        }
    })
}

/// Where a lake lies; `None` for other destinations.
pub(crate) fn lake_location(
    settings: &DestinationSettings,
    effective: &Effective,
) -> Result<Option<Location>> {
    match settings.kind {
        DestinationKind::Parquet => {
            Location::parse(&destination_url(settings)?, &effective.data_dir).map(Some)
        }
        DestinationKind::Postgres => Ok(None),
    }
}

pub(crate) fn make_normaliser(settings: &Settings) -> MakeNormaliser {
    let declared = settings.streams.declared();
    let keys: StreamKeys =
        declared.map(|stream| (stream.name.clone(), stream.key.names().to_vec())).collect();
    let contracts = settings.streams.contracts();
    Arc::new(move |schemas, names, loaded_at| -> Box<dyn Normalise> {
        let normaliser = Normaliser::with_keys(schemas, loaded_at, keys.clone());
        Box::new(normaliser.under(contracts.clone()).called(names.clone()))
    })
}
