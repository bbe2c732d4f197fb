//! Every stream beside calls, details and users: what arrives, what it costs, and what is not asked for twice.

mod absent;
mod budget;
mod by_id;
mod crash;
mod custom;
mod failing;
mod playlists;
mod purge;
mod real;
mod vain;
mod windows;

use std::collections::BTreeMap;

use clarion_simulator::{Control, Simulator};
use serde_json::Value;

use crate::harness::{Layout, Ran, Workspace, lake_tables, simulate, small};

/// A moment long after every generated call.
const NOW: &str = "2026-11-20T10:00:00Z";

/// A workspace with every stream, and its vendor.
struct Scene {
    simulator: Simulator,
    workspace: Workspace,
}

impl Scene {
    async fn set(calls: usize, more: &str) -> Self {
        Self::with_week(calls, 0, more).await
    }

    /// With so many requests a week; 0 = unlimited.
    async fn with_week(calls: usize, weekly_requests: u64, more: &str) -> Self {
        Self::with(calls, more, Layout { weekly_requests, ..Layout::both().await }).await
    }

    async fn with(calls: usize, more: &str, layout: Layout) -> Self {
        let as_of = Some(NOW.parse().unwrap());
        let simulator = simulate(clarion_simulator::Options { as_of, ..small(calls) }).await;
        let layout = Layout {
            declared: true,
            history_start: "2026-06-15".to_owned(),
            more: more.to_owned(),
            ..layout
        };
        let workspace = Workspace::new(&simulator.url(), layout);
        Self { simulator, workspace }
    }

    fn control(&self) -> Control {
        self.simulator.control()
    }

    /// A run at this moment, with fail points; what it asked for is counted anew.
    fn at(&self, now: &str, failpoints: &str, arguments: &[&str]) -> Ran {
        self.control().reset_log();
        self.control().set_now(now.parse().unwrap());
        self.workspace.run_with_env(&[("CLARION_TEST_NOW", now), ("FAILPOINTS", failpoints)], arguments)
    }

    #[track_caller]
    fn sync(&self, now: &str) -> Ran {
        self.at(now, "", &["sync"]).expect(0)
    }

    /// Rows of a table in the lake that are not marked as deleted.
    fn live(&self, table: &str) -> Vec<Value> {
        let rows = lake_tables(&self.workspace.lake()).remove(table).unwrap_or_default();
        rows.into_iter().filter(|row| row["_deleted_at"].is_null()).collect()
    }

    fn status_of(&self, stream: &str) -> Value {
        let streams = self.workspace.run(&["streams"]).expect(0).json;
        let found = streams.as_array().unwrap().iter().find(|line| line["name"] == stream);
        found.unwrap_or_else(|| panic!("{stream} is not listed")).clone()
    }
}

/// Requests by path, those for calls and their details left out.
fn asked(control: &Control) -> BTreeMap<String, u64> {
    let mut asked = BTreeMap::new();
    for request in control.requests() {
        if !["/calls", "/call-details"].contains(&request.path.as_str()) {
            *asked.entry(request.path.clone()).or_default() += 1;
        }
    }
    asked
}

fn texts(rows: &[Value], column: &str) -> Vec<String> {
    let mut texts: Vec<String> = rows.iter().map(|row| row[column].as_str().unwrap().to_owned()).collect();
    texts.sort();
    texts
}
