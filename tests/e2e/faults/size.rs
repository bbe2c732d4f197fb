//! An answer larger than the vendor sends comes as 502: a list page is halved, and the smaller size remembered.

use clarion_simulator::Options;

use super::{few, scene};
use crate::audit::{assert_clean, audit};

#[tokio::test(flavor = "multi_thread")]
async fn a_page_too_large_is_asked_for_in_halves() {
    let (simulator, workspace) = scene(Options { page_cap_bytes: 30_000, ..few() }).await;
    let ran = workspace.run(&["sync"]);
    assert_eq!(ran.code, 0, "{}\n{}", ran.stdout, ran.stderr);
    assert_clean("pages in halves", audit(&workspace, &simulator).await);
    let control = simulator.control();
    let too_large = control.requests().iter().filter(|request| request.status == 502).count();
    assert!((1..=4).contains(&too_large), "{too_large} answers were too large");
}
