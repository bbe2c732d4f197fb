//! A vendor that fails, refuses, lies or says too much, and a destination that is not there.

mod buried;
mod down;
mod kinds;
mod lies;
mod refused;
mod size;

use clarion_simulator::{Options, Simulator};
use serde_json::Value;

use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Ran, Workspace, simulate, small};

/// A lake and its vendor; a request that keeps failing costs the same time whether one fails or sixteen at once.
async fn scene(options: Options) -> (Simulator, Workspace) {
    let simulator = simulate(options).await;
    let layout = Layout { source: "concurrency = 16".to_owned(), ..Layout::default() };
    let workspace = Workspace::new(&simulator.url(), layout);
    (simulator, workspace)
}

/// Thirty calls of five turns.
fn few() -> Options {
    Options { turns: 5, ..small(30) }
}

/// What a run says went wrong, wherever it says so.
fn complaints(ran: &Ran) -> String {
    let list = |name: &str| ran.json[name].as_array().cloned().unwrap_or_default();
    let lines = list("errors").into_iter().chain(list("holes")).chain(list("warnings"));
    lines.filter_map(|line| line.as_str().map(str::to_owned)).collect::<Vec<_>>().join("\n")
}

/// A run that did not end well says so in its code, its outcome and in words.
#[track_caller]
fn assert_owns_up(what: &str, ran: &Ran) {
    assert!(matches!(ran.code, 1 | 4), "{what}: exit code {}\n{}\n{}", ran.code, ran.stdout, ran.stderr);
    assert_ne!(ran.text("/outcome"), "done", "{what}");
    let said = |name: &str| ran.json[name].as_array().is_some_and(|lines: &Vec<Value>| !lines.is_empty());
    assert!(said("errors") || said("holes"), "{what} ended with {} and no reason\n{}", ran.code, ran.stdout);
}

/// Syncs once more without any fault and compares everything.
async fn assert_made_good(what: &str, workspace: &Workspace, simulator: &Simulator) {
    let ran = workspace.run(&["sync"]);
    assert_eq!(ran.code, 0, "{what}: the clean sync failed\n{}\n{}", ran.stdout, ran.stderr);
    assert_clean(what, audit(workspace, simulator).await);
}
