//! A killed holder leaves nothing behind that refuses the next.

use super::Scene;
use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Workspace, simulate, small};

const POINTS: [&str; 5] = [
    "journal.appended=5*off->return",
    "pipeline.cut=return",
    "state.writing=2*off->return",
    "parquet.staged=return",
    "postgres.before_commit=return",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_right_after_a_kill_is_never_refused_with_sqlite() {
    let simulator = simulate(small(20)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    for point in POINTS {
        let ran = workspace.run_with_env(&[("FAILPOINTS", point)], &["sync"]);
        assert!(ran.signal == Some(9) || ran.code == 0, "{point}: {}", ran.stderr);
    }
    workspace.sync();
    assert_clean("after the kills", audit(&workspace, &simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_right_after_a_kill_is_never_refused_with_postgres() {
    let Some(scene) = Scene::set().await else { return };
    for point in POINTS {
        let ran = scene.workspace.run_with_env(&[("FAILPOINTS", point)], &["sync"]);
        assert!(ran.signal == Some(9) || ran.code == 0, "{point}: {}", ran.stderr);
    }
    scene.workspace.sync();
    assert_eq!(scene.findings().await, Vec::<String>::new());
}
