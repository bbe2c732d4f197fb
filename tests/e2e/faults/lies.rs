//! A server that does not do what was asked: the run must not end well, and must say why.

use clarion_simulator::Quirks;

use super::{assert_made_good, assert_owns_up, complaints, few, scene};
use crate::harness::small;

/// More than a page holds.
const CALLS: usize = 150;

async fn is_found_out(what: &str, calls: usize, quirks: Quirks, reasons: &[&str]) {
    let (simulator, workspace) = scene(clarion_simulator::Options { turns: 2, ..small(calls) }).await;
    let control = simulator.control();
    control.set_quirks(quirks);
    let ran = workspace.run(&["sync"]);
    assert_owns_up(what, &ran);
    let said = complaints(&ran);
    assert!(reasons.iter().any(|reason| said.contains(reason)), "{what}: {said}");
    assert!(control.count_of("/calls") < 60, "{what}: {} pages were asked for", control.count_of("/calls"));
    control.set_quirks(Quirks::default());
    assert_made_good(what, &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_page_again_and_again_is_an_error() {
    let quirks = Quirks { ignore_skip: true, ..Quirks::default() };
    is_found_out(
        "a server that ignores skip",
        CALLS,
        quirks,
        &["same page again", "outside of the time bounds"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_matches_than_rows_is_an_error() {
    let quirks = || Quirks { matched_delta: 7, ..Quirks::default() };
    is_found_out("matched too high", CALLS, quirks(), &["match"]).await;
    is_found_out("matched too high on one page", few().calls, quirks(), &["match"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_matches_than_rows_is_an_error() {
    let quirks = || Quirks { matched_delta: -7, ..Quirks::default() };
    is_found_out("matched too low", CALLS, quirks(), &["match"]).await;
    is_found_out("matched too low on one page", few().calls, quirks(), &["match"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_that_do_not_ascend_are_an_error() {
    let quirks = Quirks { unsorted: true, ..Quirks::default() };
    is_found_out("an unsorted server", CALLS, quirks, &["do not ascend"]).await;
}
