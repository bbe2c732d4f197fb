//! Throw-away places for a store: a file in a temporary folder, or a database of its own on the test cluster.

use std::path::Path;
use std::sync::Arc;

use clarion_core::testing::ledger::noon;
use clarion_core::{Clock, ManualClock};
use clarion_state_store::{Settings, Store};
use clarion_test_postgres::TestDatabase;
use tempfile::TempDir;

/// Where one test's store lives. Folder and database go with it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<ManualClock>,
    /// Held for as long as the place is used.
    pub(crate) _database: Option<TestDatabase>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::new("sqlite://data/state.db".to_owned())
    }

    /// `None` without a server, which is an error in CI.
    pub(crate) async fn postgres() -> Option<Self> {
        let database = TestDatabase::fresh("state").await?;
        let place = Self::new(database.url());
        Some(Self { _database: Some(database), ..place })
    }

    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn try_open(&self) -> clarion_core::Result<Store> {
        Store::open(&self.settings, self.path(), Arc::clone(&self.clock) as Arc<dyn Clock>).await
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    fn new(url: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, settings: Settings { url }, clock: Arc::new(ManualClock::at(noon())), _database: None }
    }
}
