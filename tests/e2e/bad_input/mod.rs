//! Input that nobody should give: named, nothing lost, and the rest goes on where it can.

mod config;
mod journal;
mod lake;
mod locks;
mod records;
mod state;
mod texts;
mod warehouse;

use clarion_simulator::{Edit, Simulator};
use serde_json::json;

use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Ran, Workspace, simulate, small};

/// Both destinations, and every listed call seen again in each sync.
async fn scene(calls: usize) -> (Simulator, Workspace) {
    let simulator = simulate(small(calls)).await;
    let layout = Layout {
        source: "concurrency = 16".to_owned(),
        more: "[streams.calls]\nrelist = \"500d\"\n".to_owned(),
        ..Layout::both().await
    };
    let workspace = Workspace::new(&simulator.url(), layout);
    (simulator, workspace)
}

/// Something for the next sync to load.
fn change_all(simulator: &Simulator, title: &str) {
    let control = simulator.control();
    for id in control.call_ids() {
        assert!(control.edit(Edit::Patch { id, merge: json!({ "title": title }) }), "the call is there");
    }
}

/// The command failed with this code, and what it printed names each of these.
#[track_caller]
fn assert_named(ran: &Ran, code: i32, names: &[&str]) {
    let said = format!("{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, code, "{said}");
    for name in names {
        assert!(said.contains(name), "{name} is not named\n{said}");
    }
}

async fn assert_good(what: &str, workspace: &Workspace, simulator: &Simulator) {
    assert_clean(what, audit(workspace, simulator).await);
}
