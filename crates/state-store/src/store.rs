//! The store that is handed out: opened by settings, shared by cloning.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use clarion_core::{
    Backfill, ChangedKeys, Clock, Fence, JournalId, Known, Lead, Progress, Purged, QueueEntry, Reason,
    RecordKey, Rejected, Result, RuleMemory, RunRecord, SegmentInfo, SegmentNo, Slice, Span, StateStore,
    StreamName, Timestamp,
};
use sqlx::Connection;

use crate::backend::Backend;
use crate::database::Database;
use crate::lease::StoreLease;
use crate::{
    Settings, backfills, commit, facts, leads, lookup, migrate, purge, queue, rejected, runs, slices,
};

/// State store and quota ledger in one database.
#[derive(Clone)]
pub struct Store {
    pub(crate) database: Database,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Store {
    /// Opens the store and brings its schema up to date. A relative path starts from `base`.
    ///
    /// # Behavior
    /// - A file that is no database or is damaged is `Corrupt`, with the way out.
    /// - A server that cannot be reached is `Storage`, at once; no error shows the password.
    /// - A store that a newer version wrote is `Config`, and stays as it is.
    pub async fn open(settings: &Settings, base: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let backend = Backend::parse(settings, base)?;
        backend.prepare()?;
        let place = match &backend {
            Backend::Sqlite { file } => file.display().to_string(),
            Backend::Postgres { .. } => settings.masked_url(),
        };
        let database = Database::new(backend, place)?;
        let failed = |error| database.failed("cannot open the state store", error);

        let mut connection = database.connect().await?;
        database.backend.set_up(&mut connection, false).await.map_err(failed)?;
        migrate::migrate(&mut connection, &database.backend, clock.now()).await.map_err(failed)??;
        connection.close().await.map_err(failed)?;
        Ok(Self { database, clock })
    }

    /// The lease of this store's one writer. `data_folder` holds its lock file.
    pub fn lease(&self, data_folder: impl Into<PathBuf>) -> StoreLease {
        StoreLease::new(self.clone(), data_folder.into())
    }

    /// Closes all connections. Optional: what was committed is durable without it.
    pub async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl StateStore for Store {
    async fn commit(&self, fence: Fence, progress: Progress) -> Result<()> {
        commit::commit(&self.database, fence, progress).await
    }

    async fn known(&self, stream: &StreamName, keys: &[RecordKey]) -> Result<HashMap<RecordKey, Known>> {
        self.read("known records", lookup::known(&self.database, stream, keys).await)
    }

    async fn count_known(&self, stream: &StreamName) -> Result<u64> {
        self.read("known records", lookup::count_known(&self.database, stream).await)
    }

    async fn scan_known(
        &self,
        stream: &StreamName,
        after: Option<&RecordKey>,
        limit: u32,
    ) -> Result<Vec<Known>> {
        self.read("known records", lookup::scan_known(&self.database, stream, after, limit).await)
    }

    async fn known_in(
        &self,
        stream: &StreamName,
        span: Span,
        after: Option<&Known>,
        limit: u32,
    ) -> Result<Vec<Known>> {
        self.read("known records", lookup::known_in(&self.database, stream, span, after, limit).await)
    }

    async fn count_gone(&self, stream: &StreamName, since: Timestamp) -> Result<u64> {
        self.read("known records", lookup::count_gone(&self.database, stream, since).await)
    }

    async fn due(&self, now: Timestamp, after: Option<&QueueEntry>, limit: u32) -> Result<Vec<QueueEntry>> {
        self.read("the queue", queue::due(&self.database, now, after, limit).await)
    }

    async fn queue_depth(&self, now: Timestamp) -> Result<BTreeMap<Reason, (u64, u64)>> {
        self.read("the queue", queue::depth(&self.database, now).await)
    }

    async fn cursors(&self) -> Result<BTreeMap<String, Timestamp>> {
        self.read("the cursors", lookup::cursors(&self.database).await)
    }

    async fn marks(&self) -> Result<BTreeMap<String, String>> {
        self.read("the marks", leads::marks(&self.database).await)
    }

    async fn leads(
        &self,
        stream: &StreamName,
        before: Timestamp,
        after: Option<&Lead>,
        limit: u32,
    ) -> Result<Vec<Lead>> {
        self.read("the leads", leads::due(&self.database, stream, before, after, limit).await)
    }

    async fn count_leads(&self, stream: &StreamName, before: Timestamp) -> Result<(u64, u64)> {
        self.read("the leads", leads::count(&self.database, stream, before).await)
    }

    async fn slices(&self, stream: &StreamName) -> Result<Vec<Slice>> {
        self.read("the slices", slices::of_stream(&self.database, stream).await)
    }

    async fn paths(&self) -> Result<BTreeMap<String, u32>> {
        self.read("the field paths", lookup::paths(&self.database).await)
    }

    async fn ask_backfill(&self, job: &Backfill) -> Result<()> {
        let asked = backfills::ask(&self.database, job).await;
        asked.map_err(|error| self.database.failed("cannot leave a backfill", error))
    }

    async fn backfills(&self) -> Result<Vec<Backfill>> {
        self.read("the backfills", backfills::all(&self.database).await)
    }

    async fn generation(&self) -> Result<u32> {
        self.read("the generation", lookup::generation(&self.database).await)
    }

    async fn journal(&self) -> Result<Option<JournalId>> {
        self.read("the journal's id", facts::journal(&self.database).await)
    }

    async fn purged(&self) -> Result<Option<Purged>> {
        self.read("what was purged", facts::purged(&self.database).await)
    }

    async fn rules(&self) -> Result<RuleMemory> {
        self.read("the column rules", facts::rules(&self.database).await)
    }

    async fn purge(&self, fence: Fence, keys: &ChangedKeys) -> Result<()> {
        purge::purge(&self.database, fence, keys).await
    }

    async fn is_rewriting(&self) -> Result<bool> {
        self.read("the state of the journal", facts::is_rewriting(&self.database).await)
    }

    async fn segments(&self, after: SegmentNo) -> Result<Vec<SegmentInfo>> {
        self.read("the segments", lookup::segments(&self.database, after).await)
    }

    async fn rejected(&self, limit: u32) -> Result<Vec<Rejected>> {
        self.read("the rejected records", rejected::latest(&self.database, limit).await)
    }

    async fn rejected_by(&self, destination: Option<&str>) -> Result<Vec<Rejected>> {
        self.read("the rejected records", rejected::by(&self.database, destination).await)
    }

    async fn count_rejected(&self) -> Result<BTreeMap<StreamName, u64>> {
        self.read("the rejected records", rejected::count(&self.database).await)
    }

    async fn save_run(&self, run: &RunRecord) -> Result<()> {
        runs::save(&self.database, run)
            .await
            .map_err(|error| self.database.failed("cannot store the run", error))
    }

    async fn runs(&self, limit: u32) -> Result<Vec<RunRecord>> {
        self.read("the runs", runs::latest(&self.database, limit).await)
    }

    async fn syncs(&self, limit: u32) -> Result<Vec<RunRecord>> {
        self.read("the runs", runs::syncs(&self.database, limit).await)
    }
}

impl Store {
    pub(crate) fn read<T>(&self, what: &str, result: sqlx::Result<T>) -> Result<T> {
        result.map_err(|error| self.database.failed(format!("cannot read {what}"), error))
    }
}
