//! Throw-away places for a store: a file in a temporary folder, or a database of its own on the test cluster.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use clarion_core::testing::ledger::noon;
use clarion_core::{Clock, ManualClock};
use clarion_state_store::{Settings, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tempfile::TempDir;

/// Where one test's store lives. Its folder goes with it, a database is left to the throw-away cluster.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<ManualClock>,
}

impl Place {
    pub(crate) fn sqlite() -> Self {
        Self::new("sqlite://data/state.db".to_owned())
    }

    /// `None` without a cluster, which is an error in CI.
    pub(crate) async fn postgres() -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let Some(cluster) = variable("CLARION_TEST_POSTGRES") else {
            assert!(variable("CI").is_none(), "CLARION_TEST_POSTGRES must be set in CI");
            eprintln!("SKIPPED on Postgres: CLARION_TEST_POSTGRES is not set");
            return None;
        };
        let name = format!("state_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&cluster).await.unwrap();
        connection.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await.unwrap();
        connection.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        let mut url = url::Url::parse(&cluster).unwrap();
        url.set_path(&name);
        Some(Self::new(url.to_string()))
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
        Self { folder, settings: Settings { url }, clock: Arc::new(ManualClock::at(noon())) }
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are configured by their environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
