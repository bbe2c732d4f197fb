//! What differs between SQLite and Postgres: how to reach them, and how a connection is set up.

use std::fs;
use std::path::{Path, PathBuf};

use clarion_core::{Error, Kind, Result};
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, ConnectOptions, Executor};
use tracing::log::LevelFilter;
use url::Url;

use crate::Settings;
use crate::sql::Marks;

/// Commits wait for the disk (`FULL`). `NORMAL` would keep the file whole, but a power cut could take the last
/// reservations with it, and the ledger must never be below the vendor's count. A commit covers hundreds of records,
/// so that the sync is not felt.
const SQLITE_SETUP: &str =
    "PRAGMA busy_timeout = 30000; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;";
const SQLITE_READER: &str = "PRAGMA query_only = ON;";

/// A schema of our own, so that our short table names never meet somebody else's. And whatever a role's defaults are:
/// reservations must be durable, and a lock is waited for as long as in SQLite.
const POSTGRES_SETUP: &str = "SET search_path TO clarion_state; SET synchronous_commit = on; \
     SET default_transaction_isolation = 'read committed'; SET statement_timeout = 0; SET lock_timeout = '30s'; \
     SET client_min_messages = warning";

/// Where the state is, as the settings say.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    Sqlite {
        file: PathBuf,
    },
    /// The URL holds a password; it is never shown.
    Postgres {
        url: Url,
    },
}

impl Backend {
    /// `base` is the folder that a relative path starts from.
    pub(crate) fn parse(settings: &Settings, base: &Path) -> Result<Self> {
        if let Some(path) = settings.url.strip_prefix("sqlite:") {
            return sqlite_file(path.strip_prefix("//").unwrap_or(path), base);
        }
        match Url::parse(&settings.url) {
            Ok(url) if matches!(url.scheme(), "postgres" | "postgresql") => Ok(Self::Postgres { url }),
            _ => Err(Error::new(Kind::Config, "not the URL of a state store")
                .with("key", "state.url")
                .with("url", settings.masked_url())
                .hint("use sqlite://path or postgres://user@host/database")),
        }
    }

    /// Creates the folder of the SQLite file.
    pub(crate) fn prepare(&self) -> Result<()> {
        let Self::Sqlite { file } = self else {
            return Ok(());
        };
        let folder = file.parent().unwrap_or(file);
        fs::create_dir_all(folder).map_err(|error| {
            Error::new(Kind::Storage, "cannot create the folder of the state store")
                .with("folder", folder.display())
                .hint("make the folder writable, or set state.url or --data-dir")
                .source(error)
        })
    }

    pub(crate) fn options(&self) -> Result<AnyConnectOptions> {
        let options = match self {
            Self::Sqlite { file } => {
                let url = Url::from_file_path(file).map_err(|()| not_a_path(file))?;
                let path = url.as_str().trim_start_matches("file");
                format!("sqlite{path}?mode=rwc").parse()
            }
            Self::Postgres { url } => AnyConnectOptions::from_url(url),
        };
        let options = options.map_err(|error| {
            Error::new(Kind::Config, "not the URL of a state store").with("key", "state.url").source(error)
        })?;
        Ok(options.log_statements(LevelFilter::Trace))
    }

    /// The statement that opens a transaction which writes. SQLite must take its lock at once: a read lock cannot
    /// always be raised.
    pub(crate) fn begin(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "BEGIN IMMEDIATE",
            Self::Postgres { .. } => "BEGIN",
        }
    }

    pub(crate) fn begin_reading(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "BEGIN",
            Self::Postgres { .. } => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        }
    }

    /// Statements after which deleted rows are no longer among the bytes of the store, each by itself.
    pub(crate) fn wipe(&self) -> &'static [&'static str] {
        match self {
            // The copy that VACUUM writes goes through the log, which is then folded into the file and cut.
            Self::Sqlite { .. } => &["PRAGMA temp_store = FILE", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"],
            Self::Postgres { .. } => {
                &["VACUUM known", "VACUUM queue", "VACUUM rejected", "VACUUM runs", "VACUUM notices"]
            }
        }
    }

    pub(crate) fn marks(&self) -> Marks {
        match self {
            Self::Sqlite { .. } => Marks::Plain,
            Self::Postgres { .. } => Marks::Numbered,
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    pub(crate) async fn set_up(&self, connection: &mut AnyConnection, reader: bool) -> sqlx::Result<()> {
        match self {
            Self::Sqlite { .. } => {
                connection.execute(SQLITE_SETUP).await?;
                if reader {
                    connection.execute(SQLITE_READER).await?;
                }
            }
            Self::Postgres { .. } => {
                connection.execute(POSTGRES_SETUP).await?;
            }
        }
        Ok(())
    }
}

fn sqlite_file(path: &str, base: &Path) -> Result<Backend> {
    if path.is_empty() || path.contains(":memory:") || path.contains('?') {
        return Err(Error::new(Kind::Config, "the state store needs a file")
            .with("key", "state.url")
            .with("url", format!("sqlite://{path}"))
            .hint("use sqlite://path, without parameters"));
    }
    let file =
        std::path::absolute(base.join(path)).map_err(|error| not_a_path(Path::new(path)).source(error))?;
    Ok(Backend::Sqlite { file })
}

fn not_a_path(file: &Path) -> Error {
    Error::new(Kind::Config, "not a path for the state store")
        .with("key", "state.url")
        .with("path", file.display())
}
