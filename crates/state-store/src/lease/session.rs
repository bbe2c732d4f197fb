//! The session lock in Postgres, on a connection of its own: it vanishes with the connection.

use std::sync::Mutex;
use std::time::Duration;

use clarion_core::{Error, Kind, Result};
use sqlx::{AnyConnection, Executor};
use tokio::time::{Instant, sleep};

use crate::database::Database;
use crate::sql::{Binds, Fields};

/// How long a backend may keep the lock of a process that is gone, until its statement ends.
const LONGEST_DYING: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);

/// Any number, as long as every version uses the same; Postgres keeps it per database.
const KEY: i64 = 0x0063_6c61_7269_6f6e;

/// Nothing may end an idle session but its holder, and a holder whose machine is gone is noticed within a minute.
const SETUP: &str = "SET idle_session_timeout = 0; SET tcp_keepalives_idle = 20; SET tcp_keepalives_interval = 10; \
     SET tcp_keepalives_count = 3";
/// Postgres 14 and later, where the system supports it: a backend notices in the middle of a statement.
const CHECK_CLIENT: &str = "SET client_connection_check_interval = '5s'";

/// Holds the lock until dropped, as far as the connection lives.
pub(super) struct SessionLock {
    /// Never used again, only kept open; the mutex is what makes it shareable.
    _connection: Mutex<AnyConnection>,
}

impl SessionLock {
    /// Takes the lock or says who has it. `name` is that of [`super::file::FileLock::owner_name`].
    pub(super) async fn take(database: &Database, name: &str) -> Result<Self> {
        let failed = |error| database.failed("cannot take the lease", error);
        let mut connection = database.connect().await?;
        set_up(&mut connection, name).await.map_err(failed)?;
        let deadline = Instant::now() + LONGEST_DYING;
        while !try_lock(&mut connection).await.map_err(failed)? {
            let holder = holder(&mut connection).await.map_err(failed)?;
            // Nobody: it was given back just now.
            let is_dying = holder.as_ref().is_none_or(|holder| mark(&holder.name) == mark(name));
            if !is_dying || Instant::now() >= deadline {
                return Err(refused(holder));
            }
            sleep(PAUSE).await;
        }
        Ok(Self { _connection: Mutex::new(connection) })
    }
}

struct Holder {
    pid: i64,
    name: String,
    address: Option<String>,
}

async fn set_up(connection: &mut AnyConnection, name: &str) -> sqlx::Result<()> {
    let mut binds = Binds::default();
    binds.text(name);
    binds.query("SELECT set_config('application_name', $1, false)").execute(&mut *connection).await?;
    for setting in SETUP.split("; ").chain([CHECK_CLIENT]) {
        // Older servers lack some of them; the fence protects the data without any.
        if let Err(error) = connection.execute(setting).await {
            tracing::debug!(setting, error = %error, "the server lacks a setting");
        }
    }
    Ok(())
}

async fn try_lock(connection: &mut AnyConnection) -> sqlx::Result<bool> {
    let mut binds = Binds::default();
    binds.int(KEY);
    let lock = "SELECT CASE WHEN pg_try_advisory_lock($1) THEN CAST(1 AS BIGINT) ELSE 0 END";
    let row = binds.query(lock).fetch_one(connection).await?;
    Ok(Fields(&row).int(0)? == 1)
}

async fn holder(connection: &mut AnyConnection) -> sqlx::Result<Option<Holder>> {
    let mut binds = Binds::default();
    binds.int(KEY >> 32).int(KEY & 0xffff_ffff);
    let select = "SELECT CAST(a.pid AS BIGINT), COALESCE(a.application_name, ''), CAST(a.client_addr AS TEXT) \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid JOIN pg_database d ON d.oid = l.database \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND d.datname = current_database() \
         AND CAST(l.classid AS BIGINT) = $1 AND CAST(l.objid AS BIGINT) = $2";
    let row = binds.query(select).fetch_optional(connection).await?;
    let read = |row: &sqlx::any::AnyRow| {
        let fields = Fields(row);
        Ok(Holder { pid: fields.int(0)?, name: fields.text(1)?, address: fields.opt_text(2)? })
    };
    row.as_ref().map(read).transpose()
}

/// The part of a name that stands for machine and lock file; `None` for a name that is not ours.
fn mark(name: &str) -> Option<&str> {
    name.strip_prefix("clarion ").and_then(|rest| rest.split(' ').next())
}

fn refused(holder: Option<Holder>) -> Error {
    let error = Error::new(Kind::Conflict, "another clarion is writing to this state store");
    let error = match holder {
        Some(holder) => {
            let address = holder.address.unwrap_or_else(|| "local".to_owned());
            error.with("holder", holder.name).with("address", address).with("backend", holder.pid)
        }
        None => error,
    };
    error.hint("wait until it has ended, or stop it; status, plan and verify run beside it")
}
