//! One writer: an OS lock in the data folder, with Postgres a session lock as well, and a fence that grows.
//!
//! Both locks vanish with their holder. The fence is what protects the data: whoever lost the lock without knowing is
//! refused by state store and destinations.

mod file;
mod session;

use std::path::PathBuf;

use async_trait::async_trait;
use clarion_core::{Fence, Lease, LeaseGuard, Result, format_timestamp};

use crate::{Store, commit};
use file::{FileLock, Holder};
use session::SessionLock;

/// The lease of a store and a data folder.
#[derive(Clone)]
pub struct StoreLease {
    store: Store,
    data_folder: PathBuf,
}

impl StoreLease {
    pub(crate) fn new(store: Store, data_folder: PathBuf) -> Self {
        Self { store, data_folder }
    }
}

#[async_trait]
impl Lease for StoreLease {
    async fn take(&self, command: &str) -> Result<Box<dyn LeaseGuard>> {
        let mut file = FileLock::take(&self.data_folder)?;
        let database = &self.store.database;
        let session = match database.backend.is_postgres() {
            true => Some(SessionLock::take(database, &file.owner_name(command)).await?),
            false => None,
        };
        let now = self.store.clock.now();
        // The clock keeps fences growing when the state store was lost, the lock file even when the clock was wrong.
        let from_clock = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let at_least = from_clock.max(file.last_fence().saturating_add(1));
        let fence = commit::next_fence(database, at_least).await;
        let fence = fence.map_err(|error| database.failed("cannot take the lease", error))?;
        let since = format_timestamp(now);
        file.write(&Holder { pid: std::process::id(), command: command.to_owned(), since, fence })?;
        Ok(Box::new(Guard { fence, _session: session, _file: file }))
    }
}

/// Gives both locks back when dropped.
struct Guard {
    fence: Fence,
    _session: Option<SessionLock>,
    _file: FileLock,
}

impl LeaseGuard for Guard {
    fn fence(&self) -> Fence {
        self.fence
    }
}
