//! Connections: one that writes, some that read, and a first one that says clearly what is wrong.

use std::fmt::Display;
use std::time::Duration;

use clarion_core::{Error, Kind, Result, Retry};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyConnection, AnyPool, ConnectOptions, Transaction};

use crate::backend::Backend;
use crate::failure;
use crate::sql::Statement;

/// SQLite has one writer at a time: more connections would only wait for each other's lock.
const SQLITE_WRITERS: u32 = 1;
/// A reservation need not wait for a commit.
const POSTGRES_WRITERS: u32 = 2;
const READERS: u32 = 4;
/// Longer than any commit or lock wait; then something hangs.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(60);
/// A server that does not answer for this long is unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The pools of one state store.
#[derive(Debug, Clone)]
pub(crate) struct Database {
    pub(crate) backend: Backend,
    place: String,
    write: AnyPool,
    read: AnyPool,
}

impl Database {
    /// `place` names the store in errors, without a password.
    pub(crate) fn new(backend: Backend, place: String) -> Result<Self> {
        let options = backend.options()?;
        let writers = if backend.is_postgres() { POSTGRES_WRITERS } else { SQLITE_WRITERS };
        let write = pool(&backend, &options, writers, false);
        let read = pool(&backend, &options, READERS, true);
        Ok(Self { backend, place, write, read })
    }

    /// A connection of its own. Fails at once, where a pool would try until its timeout.
    pub(crate) async fn connect(&self) -> Result<AnyConnection> {
        let options = self.backend.options()?;
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, options.connect());
        let Ok(connected) = connecting.await else {
            return Err(Error::new(Kind::Storage, "the state store does not answer")
                .retry(Retry::Temporary)
                .with("state", &self.place)
                .hint("check that the database runs and that state.url points to it"));
        };
        connected.map_err(|error| self.failed("cannot open the state store", error))
    }

    /// Begins a transaction that writes; dropped without a commit it leaves nothing behind.
    pub(crate) async fn begin(&self) -> sqlx::Result<Transaction<'static, Any>> {
        self.write.begin_with(self.backend.begin()).await
    }

    /// Begins a transaction that reads: all its statements see one moment.
    pub(crate) async fn begin_reading(&self) -> sqlx::Result<Transaction<'static, Any>> {
        self.read.begin_with(self.backend.begin_reading()).await
    }

    pub(crate) async fn write(&self, statement: Statement) -> sqlx::Result<u64> {
        Ok(statement.execute(&self.write).await?.rows_affected())
    }

    pub(crate) async fn rows(&self, statement: Statement) -> sqlx::Result<Vec<AnyRow>> {
        statement.fetch_all(&self.read).await
    }

    pub(crate) async fn row(&self, statement: Statement) -> sqlx::Result<AnyRow> {
        statement.fetch_one(&self.read).await
    }

    /// Closes all connections; SQLite then folds its write-ahead log into the file.
    pub(crate) async fn close(&self) {
        self.read.close().await;
        self.write.close().await;
    }

    /// The error of a statement, with what was being done and where.
    pub(crate) fn failed(&self, doing: impl Display, error: sqlx::Error) -> Error {
        failure::classify(&self.backend, &self.place, &doing.to_string(), error)
    }
}

fn pool(backend: &Backend, options: &AnyConnectOptions, connections: u32, reader: bool) -> AnyPool {
    let backend = backend.clone();
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .after_connect(move |connection, _| {
            let backend = backend.clone();
            Box::pin(async move { backend.set_up(connection, reader).await })
        })
        .connect_lazy_with(options.clone())
}
