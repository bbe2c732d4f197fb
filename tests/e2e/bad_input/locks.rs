//! One writer at a time.

use std::time::Duration;

use super::{assert_good, assert_named, scene};
use crate::harness::nth_details_request;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_sync_is_refused_and_names_the_holder() {
    let (simulator, workspace) = scene(30).await;
    let control = simulator.control();
    control.set_faults("slow@/call-details").unwrap();
    let reached = nth_details_request(&control, 1);
    let first = workspace.spawn(&[], &["sync"]);
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    let pid = format!("pid: {}", first.id());
    assert_named(&workspace.run(&["sync"]), 1, &["another clarion is writing", &pid, "command: sync"]);
    assert_named(&workspace.run(&["load"]), 1, &["another clarion is writing", &pid]);
    workspace.run(&["status"]).expect(0);
    first.wait().expect(0);
    assert_good("the first of two syncs", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_whose_holder_was_killed_is_no_obstacle() {
    let (simulator, workspace) = scene(10).await;
    let ran = workspace.run_with_env(&[("FAILPOINTS", "journal.appended=3*off->return")], &["sync"]);
    assert_eq!(ran.signal, Some(9), "{}", ran.stderr);
    assert!(workspace.path().join("clarion.lock").is_file(), "the dead holder's lock file is still there");
    workspace.sync();
    assert_good("after the holder's death", &workspace, &simulator).await;
}
