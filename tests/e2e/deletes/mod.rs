//! What goes at the vendor goes here: never without proof, never in silence, and it may come back.

mod bulk;
mod calls;
mod planted;
mod property;
mod users;

use std::collections::BTreeMap;

use clarion_simulator::{Control, Edit, Simulator};
use serde_json::Value;

use crate::audit::has_details;
use crate::harness::{
    Layout, Ran, Tables, Workspace, lake_tables, simulate, small, warehouse_tables, without,
};

/// The tables of a call's rows, and the column with its id.
const TABLES: [(&str, &str); 9] = [
    ("calls", "id"),
    ("call_details", "id"),
    ("call_participants", "call_id"),
    ("transcript_turns", "call_id"),
    ("topics_discussed", "call_id"),
    ("action_items", "call_id"),
    ("competitor_sentiments", "call_id"),
    ("topic_mentions", "call_id"),
    ("topic_phrases", "call_id"),
];

struct Scene {
    simulator: Simulator,
    workspace: Workspace,
}

impl Scene {
    /// `calls` calls, synced, of which every sync lists those of the last `relist` again.
    async fn synced(calls: usize, relist: &str) -> Self {
        Self::with(calls, relist, Layout::both().await).await
    }

    async fn with(calls: usize, relist: &str, layout: Layout) -> Self {
        let simulator = simulate(small(calls)).await;
        let more = format!("[streams.calls]\nrelist = \"{relist}\"\n{}", layout.more);
        let workspace = Workspace::new(&simulator.url(), Layout { more, ..layout });
        workspace.sync();
        simulator.control().reset_log();
        Self { simulator, workspace }
    }

    fn control(&self) -> Control {
        self.simulator.control()
    }

    fn sync_with(&self, failpoints: &str, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = ["sync"].iter().chain(arguments).copied().collect();
        self.workspace.run_with_env(&[("FAILPOINTS", failpoints)], &arguments)
    }

    /// Public calls with details, the oldest first.
    fn detailed(&self) -> Vec<Value> {
        let control = self.control();
        let mut calls = control.truth();
        calls.retain(|call| has_details(call) && !control.is_private(&id(call)));
        calls.sort_by_key(|call| call["time"].as_str().map(str::to_owned));
        calls
    }

    /// Deletes some of them and returns their ids.
    fn delete(&self, calls: &[Value]) -> Vec<String> {
        let ids: Vec<String> = calls.iter().map(id).collect();
        for id in &ids {
            assert!(self.control().edit(Edit::Delete(id.clone())));
        }
        ids
    }

    /// Every destination's tables, by name.
    async fn tables(&self) -> BTreeMap<&'static str, Tables> {
        let mut all = BTreeMap::from([("lake", lake_tables(&self.workspace.lake()))]);
        if let Some(database) = self.workspace.warehouse() {
            all.insert("warehouse", warehouse_tables(database).await);
        }
        all
    }

    /// Rows by destination and table: how many the call has, and how many of them are marked.
    async fn marks(&self, id: &str) -> BTreeMap<(&'static str, &'static str), (usize, usize)> {
        let mut marks = BTreeMap::new();
        for (destination, tables) in self.tables().await {
            for (table, key) in TABLES {
                let of_call = tables.get(table).into_iter().flatten().filter(|row| row[key] == id);
                let rows: Vec<&Value> = of_call.collect();
                let marked = rows.iter().filter(|row| !row["_deleted_at"].is_null()).count();
                marks.insert((destination, table), (rows.len(), marked));
            }
        }
        marks
    }

    /// Rebuilds every destination from the journal, which must show the same rows, marks included.
    async fn assert_replay_shows_the_same(&self) {
        let before = self.tables().await;
        for destination in before.keys() {
            self.workspace.run(&["replay", "--destination", destination]).expect(0);
        }
        for (destination, after) in self.tables().await {
            let same = without(&before[destination], "_loaded_at") == without(&after, "_loaded_at");
            assert!(same, "{destination}: the replay shows something else");
        }
    }
}

fn id(call: &Value) -> String {
    call["id"].as_str().expect("a call has an id").to_owned()
}

fn deleted(ran: &Ran, stream: &str) -> u64 {
    ran.number(&format!("/streams/{stream}/deleted"))
}
