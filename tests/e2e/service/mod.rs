//! `clarion run`: the schedule, the server, the hook and the alerts, from outside.

mod access;
mod alerts;
mod backfill;
mod hook;
mod process;
mod receiver;
mod schedule;
mod wire;

use clarion_simulator::{Options, Simulator};

use crate::harness::{Layout, Workspace, simulate, small};
use process::Service;

/// The secret of the hook in these tests: `whsec_` and the base64 of [`KEY`].
const SECRET: &str = "whsec_YSBzZWNyZXQgb2YgdGhlc2UgdGVzdHM=";
const KEY: &[u8] = b"a secret of these tests";

/// One sync at the start, and no other while a test lasts.
const HOURLY: &str = "[schedule]\nevery = \"1h\"\njitter = \"0s\"\n";

/// A lake, a port that the system chooses, and more of the configuration.
async fn scene(options: Options, more: &str) -> (Simulator, Workspace) {
    let simulator = simulate(options).await;
    let layout = Layout {
        more: format!("[server]\nbind = \"127.0.0.1:0\"\n{more}"),
        source: "concurrency = 4".to_owned(),
        ..Layout::default()
    };
    let workspace = Workspace::new(&simulator.url(), layout);
    (simulator, workspace)
}

/// A service with a hook whose first sync is done.
async fn synced(calls: usize) -> (Simulator, Workspace, Service) {
    let (simulator, workspace) = scene(small(calls), HOURLY).await;
    let service = Service::start(&workspace, &[("CLARION_HOOK_SECRET", SECRET)]);
    assert_eq!(service.next_run(), ("sync".to_owned(), "done".to_owned()));
    (simulator, workspace, service)
}
