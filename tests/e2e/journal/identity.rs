//! A journal that was lost and begun anew, or exchanged for another, under destinations and a state store of before.

use std::fs;

use clarion_simulator::{Edit, Simulator};
use serde_json::json;

use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Ran, Workspace, copy_folder, lake_tables, simulate, small, snapshot};

async fn scene(calls: usize) -> (Simulator, Workspace) {
    let simulator = simulate(small(calls)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    (simulator, workspace)
}

/// The journal is lost and its user did what the error of the next run says: the state store is moved away too. The
/// vendor's calls are others by then.
fn begin_anew(simulator: &Simulator, workspace: &Workspace) {
    fs::remove_dir_all(workspace.journal()).unwrap();
    workspace.delete_state();
    let control = simulator.control();
    for id in control.call_ids() {
        control.edit(Edit::Patch { id, merge: json!({"title": "after the loss"}) });
    }
}

#[track_caller]
fn assert_refused(ran: &Ran, what: &str, way_out: &str) {
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(what), "{}", ran.stderr);
    assert!(ran.stderr.contains(way_out), "{}", ran.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_of_a_lost_journal_is_refused_and_a_replay_repairs_it() {
    let (simulator, workspace) = scene(16).await;
    begin_anew(&simulator, &workspace);
    let lake = lake_tables(&workspace.lake());
    let ran = workspace.run(&["sync"]);
    for name in workspace.destinations() {
        assert_refused(&ran, "loaded from another journal", &format!("replay --destination {name}"));
    }
    assert!(lake_tables(&workspace.lake()) == lake, "nothing was loaded");
    let status = workspace.run(&["status"]).expect(0);
    assert!(status.text("/destinations/0/error").contains("another journal"), "{}", status.stdout);
    for name in workspace.destinations() {
        workspace.run(&["replay", "--destination", name]).expect(0);
    }
    assert_clean("after the replays", audit(&workspace, &simulator).await);
    workspace.sync();
    assert_clean("after another sync", audit(&workspace, &simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_check_the_loss_would_show_in_the_tables() {
    let (simulator, workspace) = scene(16).await;
    begin_anew(&simulator, &workspace);
    let defect = [("FAILPOINTS", "destination.any_journal=return")];
    workspace.run_with_env(&defect, &["sync"]).expect(0);
    audit(&workspace, &simulator).await.expect_err("segments were skipped, and nobody noticed");
}

#[tokio::test]
async fn a_journal_exchanged_for_another_is_refused_with_the_way_out() {
    let (simulator, workspace) = scene(8).await;
    let other = Workspace::new(&simulator.url(), Layout::default());
    other.sync();
    let own = tempfile::tempdir().unwrap();
    copy_folder(&workspace.journal(), own.path());
    fs::remove_dir_all(workspace.journal()).unwrap();
    copy_folder(&other.journal(), &workspace.journal());
    let before = snapshot(&workspace.journal());
    for command in [["sync"].as_slice(), &["load"], &["replay", "--destination", "lake"]] {
        let ran = workspace.run(command);
        assert_refused(&ran, "not the one that the state store belongs to", "move the state store away");
    }
    assert!(snapshot(&workspace.journal()) == before, "nothing was written");
    // One way out is to put the journal back, the other to go on with the new one.
    fs::remove_dir_all(workspace.journal()).unwrap();
    copy_folder(own.path(), &workspace.journal());
    workspace.sync();
    fs::remove_dir_all(workspace.journal()).unwrap();
    copy_folder(&other.journal(), &workspace.journal());
    workspace.delete_state();
    assert_refused(&workspace.run(&["load"]), "loaded from another journal", "replay --destination lake");
    workspace.run(&["replay", "--destination", "lake"]).expect(0);
}

#[tokio::test]
async fn a_lost_name_of_the_journal_is_found_again_in_its_segments() {
    let (_simulator, workspace) = scene(8).await;
    let name = workspace.journal().join("journal.json");
    let before = fs::read(&name).unwrap();
    fs::remove_file(&name).unwrap();
    workspace.sync();
    assert_eq!(fs::read(&name).unwrap(), before);
}
