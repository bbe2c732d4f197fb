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
        let now = self.store.clock.now();
        let (pid, since, fence) = (std::process::id(), format_timestamp(now), file.last_fence());
        let mut holder = Holder { pid, command: command.to_owned(), since, fence };
        // Named before anything that may take long, and again with the fence.
        file.write(&holder)?;

        let database = &self.store.database;
        let session = match database.backend.is_postgres() {
            true => Some(SessionLock::take(database, &file.owner_name(command)).await?),
            false => None,
        };
        // The clock keeps fences growing when the state store was lost, the lock file even when the clock was wrong.
        let from_clock = u64::try_from(now.timestamp_millis()).unwrap_or(0);
        let fence = commit::next_fence(database, from_clock.max(fence.saturating_add(1))).await;
        holder.fence = fence.map_err(|error| database.failed("cannot take the lease", error))?;
        file.write(&holder)?;
        let fence = holder.fence;
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
