//! A real process, killed at every step of a cut; and defects that these tests must catch.
//!
//! The process is this test binary itself, at `the_process_that_is_killed`.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use clarion_core::{Entry, Journal, fault};

use crate::fixture::{append, cut, entries, open, read_all, recover};

const FOLDER: &str = "CLARION_TEST_JOURNAL";
const SIGKILL: i32 = 9;

/// What the process does: recovers, appends three records, cuts, and the same with two more.
#[tokio::test]
#[ignore = "run as a process of its own by the tests below"]
#[expect(clippy::disallowed_methods, reason = "a test process gets its task from its parent")]
async fn the_process_that_is_killed() {
    fault::setup();
    let journal = open(Path::new(&std::env::var(FOLDER).unwrap()));
    recover(&journal).await;
    let written = journal.segments(0).await.unwrap().len();
    if written == 0 {
        append(&journal, &entries(5)[..3]).await;
        cut(&journal).await;
        append(&journal, &entries(5)[3..]).await;
        cut(&journal).await;
    }
}

fn run_with(folder: &Path, faults: &str) -> Option<i32> {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "points::the_process_that_is_killed"])
        .env(FOLDER, folder)
        .env("FAILPOINTS", faults)
        .output()
        .unwrap();
    let signal = output.status.signal();
    assert!(output.status.success() || signal.is_some(), "{}", String::from_utf8_lossy(&output.stdout));
    signal
}

/// What the journal holds after a process died at `point` and the next one, with `defect`, recovered.
async fn found_after(point: &str, defect: &str) -> Vec<Entry> {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run_with(folder.path(), point), Some(SIGKILL), "{point} never fired");
    assert_eq!(run_with(folder.path(), defect), None);
    read_all(&open(folder.path())).await
}

#[tokio::test]
async fn a_process_killed_at_any_step_leaves_every_record_once() {
    for step in ["compressed", "written", "renamed", "spool_removed"] {
        let first = found_after(&format!("journal.{step}=return"), "").await;
        assert_eq!(first, entries(5)[..3], "first {step}");
        let second = found_after(&format!("journal.{step}=1*off->return"), "").await;
        assert_eq!(second, entries(5), "second {step}");
    }
    for appended in 1..=5 {
        let found = found_after(&format!("journal.appended={}*off->return", appended - 1), "").await;
        assert_eq!(found, entries(5)[..appended]);
    }
}

#[tokio::test]
async fn planted_defects_are_caught() {
    let lost = found_after("journal.appended=4*off->return", "journal.forget_spool=return").await;
    assert_eq!(lost, entries(5)[..3], "records of the open segment are lost");
    let doubled = found_after("journal.renamed=return", "journal.recover_twice=return").await;
    assert_eq!(doubled, [&entries(5)[..3], &entries(5)[..3]].concat(), "records are there twice");
    let folder = tempfile::tempdir().unwrap();
    run_with(folder.path(), "journal.not_named=return");
    assert!(
        open(folder.path()).segments(0).await.unwrap().is_empty(),
        "a segment that was reported is not there"
    );
}
