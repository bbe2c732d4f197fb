//! Purging a call: afterwards no search finds anything of it, and it does not come back.

use std::fs;

use chrono::Utc;
use clarion_simulator::Edit;
use serde_json::json;

use crate::audit::{assert_clean, audit, has_details};
use crate::crash::kill::{Death, Scene};
use crate::harness::{Layout, Ran, Workspace, files, found, lake_tables, simulate, small};

/// What is said in the call and nowhere else.
const CANARY: &str = "the canary sings at midnight";

/// A workspace in which one call left its traces everywhere.
struct Traces {
    scene: Scene,
    call: String,
}

impl Traces {
    /// The call is there in two versions, in segments of two runs.
    async fn few() -> Self {
        let scene = Scene::set(8).await;
        let ready = scene.control().truth().into_iter().find(has_details).unwrap();
        let call = ready["id"].as_str().unwrap().to_owned();
        scene.workspace.sync();
        let traces = Self { scene, call };
        traces.edit("second version");
        traces.scene.workspace.sync();
        traces
    }

    /// The call is there in several versions, in segments of several runs; a run's report names it, its details are
    /// queued, and a killed sync left it in the open segment.
    async fn left() -> Self {
        let traces = Self::few().await;
        let control = traces.scene.control();
        control.fail_details([traces.call.clone()], 404, u32::MAX);
        traces.edit("missing");
        let named = traces.scene.workspace.sync();
        assert!(named.json["warnings"].to_string().contains(&traces.call), "a report names the call");
        control.fail_details([traces.call.clone()], 500, u32::MAX);
        traces.edit("failing");
        let named = traces.scene.workspace.run(&["sync"]).expect(4);
        assert!(named.json["holes"].to_string().contains(&traces.call), "a report names the call");
        control.fail_details([traces.call.clone()], 500, 0);
        traces.edit("staged");
        traces.scene.killed(&Death("parquet.staged", 0).spelled(), &["sync"]);
        traces.edit("cut off");
        traces.scene.killed(&Death("journal.appended", 0).spelled(), &["sync"]);
        assert!(traces.scene.workspace.journal().join("open.ndjson").exists());
        assert!(!files(&traces.scene.workspace.lake().join("_clarion/staging")).is_empty());
        traces
    }

    fn edit(&self, version: &str) {
        let turn = json!({"personId": 0, "start": 1.0, "end": 2.0, "text": format!("{CANARY}, {version}")});
        let merge = json!({"title": format!("{CANARY}, {version}"), "transcript": [turn]});
        let control = self.scene.control();
        assert!(control.edit(Edit::Patch { id: self.call.clone(), merge }));
        let status = "PROCESSED".to_owned();
        control.edit(Edit::SetStatus { id: self.call.clone(), status, at: Utc::now() });
    }

    fn purge(&self, failpoints: &str) -> Ran {
        let environment = [("FAILPOINTS", failpoints)];
        self.scene.workspace.run_with_env(&environment, &["-vv", "purge", "--call", &self.call])
    }

    /// Where something of the call is found.
    async fn found(&self) -> Vec<String> {
        found(&self.scene.workspace, &[&self.call, CANARY]).await
    }

    /// The others are untouched, as if this call had never been.
    async fn assert_others_are_complete(&self, what: &str) {
        self.scene.control().edit(Edit::Delete(self.call.clone()));
        assert_clean(what, audit(&self.scene.workspace, &self.scene.simulator).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_purge_no_search_finds_the_call_and_it_does_not_come_back() {
    let traces = Traces::left().await;
    let workspace = &traces.scene.workspace;
    let control = traces.scene.control();
    let before = traces.found().await;
    for place in ["segments", "open.ndjson", "state.db", "lake/transcript_turns", ".keys", "staging"] {
        assert!(before.iter().any(|found| found.contains(place)), "nothing in {place}: {before:?}");
    }
    control.reset_log();
    let purged = traces.purge("").expect(0);
    assert_eq!(control.count(), 0, "no request was made");
    assert!(purged.number("/journal/records") >= 6, "{}", purged.stdout);
    for name in workspace.destinations() {
        assert!(purged.number(&format!("/destinations/{name}/rows")) >= 3, "{}", purged.stdout);
    }
    assert_eq!(traces.found().await, Vec::<String>::new());
    assert_does_not_name(&purged, &traces.call);

    // The vendor still has it, and changes it once more.
    traces.edit("after the purge");
    for command in
        [["sync"].as_slice(), &["sync", "--full"], &["backfill", "--from", "2020-01-01"], &["status"]]
    {
        let ran = workspace.run(&[["-vv"].as_slice(), command].concat()).expect(0);
        assert_does_not_name(&ran, &traces.call);
    }
    let asked = control.requests();
    assert!(
        asked.iter().all(|request| request.param("id") != Some(&traces.call)),
        "its details were fetched"
    );
    assert_eq!(traces.found().await, Vec::<String>::new());
    for name in workspace.destinations() {
        workspace.run(&["replay", "--destination", name]).expect(0);
    }
    // The mark outlives the state store, and the file that it is in beside the journal.
    workspace.delete_state();
    workspace.sync();
    assert_eq!(traces.found().await, Vec::<String>::new());
    fs::remove_file(workspace.journal().join("journal.json")).unwrap();
    workspace.sync();
    workspace.delete_state();
    workspace.sync();
    assert_eq!(traces.found().await, Vec::<String>::new());
    let again = traces.purge("").expect(0);
    assert_eq!(again.number("/journal/records"), 0);
    traces.assert_others_are_complete("after a purge").await;
}

#[track_caller]
fn assert_does_not_name(ran: &Ran, call: &str) {
    assert!(!ran.stdout.contains(call) && !ran.stderr.contains(call), "{}\n{}", ran.stdout, ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_purge_that_is_killed_anywhere_is_finished_by_the_next_one() {
    let mut deaths = vec![
        Death("pipeline.purge_marked", 0),
        Death("parquet.staged", 0),
        Death("parquet.manifest", 0),
        Death("parquet.op", 1),
        Death("parquet.done", 0),
        Death("pipeline.purged_destination", 0),
        Death("journal.rewriting", 0),
        Death("journal.rewritten", 1),
        Death("pipeline.rewritten", 0),
        Death("pipeline.purged_journal", 0),
        Death("state.purging", 0),
        Death("state.purged", 0),
        Death("state.wiped", 0),
    ];
    if std::env::var_os("CLARION_TEST_POSTGRES").is_some() {
        deaths.extend([Death("postgres.purging", 0), Death("postgres.purged", 0)]);
    }
    for death in deaths {
        let traces = Traces::few().await;
        let what = format!("killed at {}", death.spelled());
        let killed = traces.purge(&death.spelled());
        assert_eq!(killed.signal, Some(9), "{what}: it was not\n{}", killed.stderr);
        traces.scene.assert_readable(&what).await;
        // Another command in between finds everything in order.
        traces.scene.workspace.run(&["load"]).expect(0);
        traces.purge("").expect(0);
        assert_eq!(traces.found().await, Vec::<String>::new(), "{what}");
        traces.scene.workspace.sync();
        assert_eq!(traces.found().await, Vec::<String>::new(), "{what}, after a sync");
        traces.assert_others_are_complete(&what).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_defects_of_a_purge_are_found_out() {
    for defect in
        ["pipeline.purge_without_mark", "state.purge_leaves_bytes", "destination.purge_spares_children"]
    {
        let traces = Traces::few().await;
        traces.purge(&format!("{defect}=return")).expect(0);
        if traces.found().await.is_empty() {
            traces.scene.workspace.sync();
        }
        assert!(!traces.found().await.is_empty(), "{defect} went unnoticed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_is_down_is_named_and_done_by_the_next_purge() {
    let traces = Traces::few().await;
    let workspace = &traces.scene.workspace;
    let Some(database) = workspace.warehouse() else { return };
    let config = workspace.config();
    workspace.write_config(&config.replace(&database.url(), "postgres://postgres@127.0.0.1:1/away"));
    let ran = traces.purge("").expect(1);
    assert!(ran.number("/destinations/lake/rows") > 0, "{}", ran.stdout);
    assert!(ran.text("/destinations/warehouse/error").contains("cannot reach"), "{}", ran.stdout);
    assert!(ran.stderr.contains("run the same command again"), "{}", ran.stderr);
    workspace.write_config(&config);
    let left = traces.found().await;
    assert!(!left.is_empty() && left.iter().all(|place| place.starts_with("warehouse")), "{left:?}");
    let ran = traces.purge("").expect(0);
    assert!(ran.number("/destinations/warehouse/rows") > 0, "{}", ran.stdout);
    assert_eq!(traces.found().await, Vec::<String>::new());
    traces.assert_others_are_complete("after the second purge").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_stream_says_about_the_call_goes_with_it() {
    let traces = Traces::few().await;
    let (workspace, control) = (&traces.scene.workspace, traces.scene.control());
    let record = json!({"id": "an-aside", "call_id": traces.call, "name": format!("{CANARY} again")});
    control.edit(Edit::AddUser(record));
    control.edit(Edit::AddUser(json!({"id": "another-aside", "call_id": "some other call"})));
    workspace.sync();
    let users = |workspace: &Workspace| lake_tables(&workspace.lake())["users"].len();
    let before = users(workspace);
    let config = workspace.config();
    if let Some(database) = workspace.warehouse() {
        workspace.write_config(&config.replace(&database.url(), "postgres://postgres@127.0.0.1:1/away"));
        traces.purge("").expect(1);
        workspace.write_config(&config);
        let found = traces.found().await;
        assert!(found.iter().any(|place| place.contains("warehouse, users")), "{found:?}");
    }
    traces.purge("").expect(0);
    assert_eq!(traces.found().await, Vec::<String>::new());
    assert_eq!(users(workspace), before - 1);
    workspace.sync();
    assert_eq!(traces.found().await, Vec::<String>::new(), "the vendor still has it");
}

#[tokio::test]
async fn a_call_that_is_not_there_can_be_purged_and_never_comes() {
    let simulator = simulate(small(4)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    let call = simulator.control().call_ids()[0].clone();
    workspace.run(&["purge", "--call", &call]).expect(0);
    workspace.sync();
    assert_eq!(found(&workspace, &[&call]).await, Vec::<String>::new());
    assert_eq!(lake_tables(&workspace.lake())["calls"].len(), 3);
    workspace.run(&["purge", "--call", ""]).expect(2);
}
