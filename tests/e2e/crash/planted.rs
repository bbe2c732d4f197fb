//! The audits must be able to fail: each order that keeps data safe is reversed on purpose, and must be found out.

use super::kill::{Death, Scene};
use super::later_sync::change;
use super::power_cut::take_the_open_segment;
use crate::audit::audit_instant;

/// A defect, the death that makes it matter, and how the run after it goes.
#[derive(Default)]
struct Planted<'p> {
    /// Fail points of the run that dies.
    dying: &'p str,
    /// Fail points of the run after it.
    next: &'p str,
    power_cut: bool,
    /// Whether the death comes in a later sync rather than in the first.
    later: bool,
}

/// What gave the defect away, if anything did.
async fn caught(planted: &Planted<'_>) -> Option<String> {
    let scene = Scene::set(24).await;
    if planted.later {
        scene.workspace.sync();
        change(&scene.control(), 0);
    }
    scene.killed(planted.dying, &["sync"]);
    if planted.power_cut {
        take_the_open_segment(&scene);
    }
    let mut findings = audit_instant(&scene.workspace).await.err().unwrap_or_default();
    findings.extend(scene.recovery(planted.next).await.err().unwrap_or_default());
    if !planted.later && findings.is_empty() {
        findings.extend(scene.economy(1).err().unwrap_or_default());
    }
    findings.into_iter().next()
}

#[track_caller]
fn assert_caught(what: &str, caught: Option<&String>) {
    assert!(caught.is_some(), "{what} went unnoticed");
}

/// The defect with a death in one commit after the other, until one of them matters.
async fn caught_in_some_commit(
    defect: &str,
    point: &'static str,
    passages: &[u32],
    power_cut: bool,
) -> Option<String> {
    for passage in passages {
        let dying = format!("{defect}=return;{}", Death(point, *passage).spelled());
        let found = caught(&Planted { dying: &dying, power_cut, ..Planted::default() }).await;
        if found.is_some() {
            return found;
        }
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_is_committed_before_its_segment_is_found_out() {
    // Under this defect each flush passes the point twice, at first between the state's commit and the segment.
    let caught =
        caught_in_some_commit("pipeline.progress_first", "pipeline.cut", &[6, 8, 10, 12], true).await;
    assert_caught("progress before data", caught.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_never_gets_its_name_is_found_out() {
    let caught = caught_in_some_commit("journal.not_named", "pipeline.committed", &[3, 0, 5], false).await;
    assert_caught("a segment without its name", caught.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_commit_in_two_parts_is_found_out() {
    let caught = caught_in_some_commit("state.split_commit", "state.writing", &[3, 5, 6], false).await;
    assert_caught("a commit of the state in two parts", caught.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_whose_position_is_ahead_of_its_files_is_found_out() {
    let planted =
        Planted { dying: "parquet.position_first=return;parquet.staged=return", ..Planted::default() };
    assert_caught("the lake's position before its data", caught(&planted).await.as_ref());
    let later = Planted { later: true, ..planted };
    assert_caught("the lake's position before its data, later", caught(&later).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_that_does_not_finish_a_killed_commit_is_found_out() {
    let planted = Planted {
        dying: "parquet.manifest=return",
        next: "parquet.no_sweep=return",
        later: true,
        ..Planted::default()
    };
    assert_caught("a commit that nobody finishes", caught(&planted).await.as_ref());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_whose_position_is_ahead_of_its_rows_is_found_out() {
    if std::env::var_os("CLARION_TEST_POSTGRES").is_none() {
        return crate::harness::skip("a planted defect in Postgres", "CLARION_TEST_POSTGRES is not set");
    }
    let planted = Planted {
        dying: "postgres.position_first=return;postgres.before_commit=return",
        ..Planted::default()
    };
    assert_caught("the warehouse's position before its rows", caught(&planted).await.as_ref());
    let later = Planted { later: true, ..planted };
    assert_caught("the warehouse's position before its rows, later", caught(&later).await.as_ref());
}
