//! From sqlx's errors to the one of the ports: the only place that knows the databases' codes.

use clarion_core::{Error, Kind, Retry};

use crate::backend::Backend;

/// `place` is the store's URL without a password, or its file.
pub(crate) fn classify(backend: &Backend, place: &str, doing: &str, error: sqlx::Error) -> Error {
    let base = |kind, retry| Error::new(kind, doing).retry(retry).with("state", place);
    let classified = match &error {
        sqlx::Error::Database(database) => {
            let code = database.code().unwrap_or_default().into_owned();
            match backend {
                Backend::Sqlite { .. } => sqlite(&code, base),
                Backend::Postgres { .. } => postgres(&code, base),
            }
        }
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::RowNotFound => {
            base(Kind::Corrupt, Retry::Permanent).hint(rebuild(backend))
        }
        sqlx::Error::Configuration(_) => base(Kind::Config, Retry::Permanent).hint("check state.url"),
        _ => base(Kind::Storage, Retry::Temporary)
            .hint("check that the database runs and that state.url points to it"),
    };
    classified.source(error)
}

/// SQLite's result codes; an extended code has the primary one in its low byte.
fn sqlite(code: &str, base: impl Fn(Kind, Retry) -> Error) -> Error {
    const BUSY: u32 = 5;
    const LOCKED: u32 = 6;
    const READONLY: u32 = 8;
    const CORRUPT: u32 = 11;
    const FULL: u32 = 13;
    const CANTOPEN: u32 = 14;
    const NOTADB: u32 = 26;
    match code.parse::<u32>().unwrap_or_default() & 0xff {
        CORRUPT | NOTADB => base(Kind::Corrupt, Retry::Permanent).hint(SQLITE_REBUILD),
        BUSY | LOCKED => {
            base(Kind::Storage, Retry::Temporary).hint("another process holds the file; try again")
        }
        FULL => {
            base(Kind::Storage, Retry::Persistent).hint("the disk is full: free some space and run again")
        }
        READONLY | CANTOPEN => base(Kind::Storage, Retry::Permanent)
            .hint("make the file and its folder writable, or set state.url"),
        _ => base(Kind::Storage, Retry::Persistent),
    }
}

/// Postgres' SQLSTATE codes, by class.
fn postgres(code: &str, base: impl Fn(Kind, Retry) -> Error) -> Error {
    match code {
        "28P01" | "28000" => {
            base(Kind::Config, Retry::Permanent).hint("check the user and password of state.url")
        }
        "3D000" => base(Kind::Config, Retry::Permanent).hint("create the database, or correct state.url"),
        "42501" => base(Kind::Config, Retry::Permanent)
            .hint("grant the user CREATE on the database, or own the schema"),
        "25006" => base(Kind::Storage, Retry::Persistent)
            .hint("the server is read-only: point state.url to the primary"),
        "53100" => base(Kind::Storage, Retry::Persistent).hint("the server's disk is full"),
        "XX001" | "XX002" => base(Kind::Corrupt, Retry::Permanent).hint(POSTGRES_REBUILD),
        _ if ["08", "40", "53", "55", "57"].iter().any(|class| code.starts_with(class)) => {
            base(Kind::Storage, Retry::Temporary)
        }
        _ => base(Kind::Storage, Retry::Persistent),
    }
}

const SQLITE_REBUILD: &str =
    "move it away, with its -wal and -shm files: it is rebuilt from the journal with zero requests";
const POSTGRES_REBUILD: &str =
    "drop the schema clarion_state: it is rebuilt from the journal with zero requests";

fn rebuild(backend: &Backend) -> &'static str {
    if backend.is_postgres() { POSTGRES_REBUILD } else { SQLITE_REBUILD }
}
