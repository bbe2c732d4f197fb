//! The parts of a run, wired once by the binary.

use std::sync::Arc;

use clarion_core::{
    Clock, Declaration, Destination, Fence, Inbox, Journal, LeaseGuard, Ledger, MakeNormaliser, Observer,
    Rules, RunId, Source, StateStore, Stop, Timestamp, Visibility,
};

use crate::settings::StreamsSettings;

/// Everything that any command may need.
#[derive(Clone)]
pub struct Stores {
    pub journal: Arc<dyn Journal>,
    pub state: Arc<dyn StateStore>,
    pub ledger: Arc<dyn Ledger>,
    pub inbox: Arc<dyn Inbox>,
    /// Every stream but `calls` and `call_details`, parents before their children.
    pub declared: Arc<[Declaration]>,
    pub clock: Arc<dyn Clock>,
    pub observer: Arc<dyn Observer>,
    pub stop: Stop,
    /// What the records have passed that the source gives.
    pub rules: Arc<Rules>,
}

/// Drives extraction and loading over the ports.
pub struct Engine {
    pub stores: Stores,
    pub source: Arc<dyn Source>,
    pub destinations: Vec<Arc<dyn Destination>>,
    pub make_normaliser: MakeNormaliser,
    pub streams: StreamsSettings,
    /// Call time at which the first sync starts.
    pub history_start: Timestamp,
    /// List private calls too.
    pub include_private: bool,
    /// Details requests in flight.
    pub concurrency: usize,
    /// 0 = unlimited.
    pub weekly_requests: u64,
    /// Requests a second; 0 = unlimited.
    pub requests_per_second: f64,
}

impl Engine {
    /// Which calls are listed.
    pub(crate) fn visibility(&self) -> Visibility {
        if self.include_private { Visibility::All } else { Visibility::PublicOnly }
    }
}

/// The one writer of this moment: who holds the lease, under which fence, for which run.
pub struct Writer {
    pub run: RunId,
    pub fence: Fence,
    /// Held for as long as the writer lives.
    pub lease: Box<dyn LeaseGuard>,
    /// Runs of this writer before this one.
    runs: u64,
}

impl Writer {
    /// A run id that sorts by time and tells two processes of one second apart.
    pub fn new(clock: &dyn Clock, lease: Box<dyn LeaseGuard>) -> Self {
        let fence = lease.fence();
        Self { run: run_id(clock, fence, 0), fence, lease, runs: 0 }
    }

    /// The same writer for its next run.
    #[must_use]
    pub fn again(self, clock: &dyn Clock) -> Self {
        let runs = self.runs + 1;
        Self { run: run_id(clock, self.fence, runs), runs, ..self }
    }
}

/// Runs of one writer within a second differ as well.
fn run_id(clock: &dyn Clock, fence: Fence, runs: u64) -> RunId {
    let stamp = clock.now().format("%Y%m%dT%H%M%SZ");
    let mark = (fence ^ u64::from(std::process::id())).wrapping_add(runs) & 0xffff;
    RunId::new(format!("{stamp}-{mark:04x}"))
}
