//! A folder, a configuration, a simulator, a database, outside readers, and the binary.

mod binary;
mod bucket;
mod database;
mod outside;
mod search;
mod tables;
mod truth;
mod workspace;

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};

use clarion_simulator::{Control, Options, Simulator};

pub(crate) use binary::{Ran, Running};
pub(crate) use bucket::Buckets;
pub(crate) use database::Database;
pub(crate) use outside::{outside_reader, real_data};
pub(crate) use search::{found, matches};
pub(crate) use tables::{Tables, copy_folder, files, lake_tables, snapshot, warehouse_tables, without};
pub(crate) use truth::{assert_truth, compare, problems, write_truth};
pub(crate) use workspace::{DECLARED, Layout, Workspace};

/// Calls whose details were asked for more than once.
pub(crate) fn fetched_twice(control: &Control) -> Vec<String> {
    let mut fetched: BTreeMap<String, u32> = BTreeMap::new();
    for request in control.requests().iter().filter(|request| request.path == "/call-details") {
        *fetched.entry(request.param("id").unwrap_or_default().to_owned()).or_default() += 1;
    }
    fetched.into_iter().filter(|(_, times)| *times > 1).map(|(id, _)| id).collect()
}

/// Tells when the n-th details request is about to be answered.
pub(crate) fn nth_details_request(control: &Control, n: u64) -> Receiver<()> {
    let (send, receive) = channel();
    control.before_request(move |request, control| {
        if request.path == "/call-details" && control.count_of("/call-details") + 1 >= n {
            let _ = send.send(());
        }
    });
    receive
}

/// A small generated workspace without limits: `calls` calls of eight turns.
pub(crate) fn small(calls: usize) -> Options {
    Options { calls, turns: 8, rate: 0, weekly_quota: 0, ..Options::default() }
}

/// The vendor's API with these options.
pub(crate) async fn simulate(options: Options) -> Simulator {
    Simulator::start(options).await.expect("the simulator starts")
}

/// Says aloud, past what captures a passing test's output, that something was not tested. In CI that is a failure.
pub(crate) fn skip(what: &str, because: &str) {
    use std::io::Write as _;
    assert!(std::env::var_os("CI").is_none(), "{what}: {because}");
    let _ = writeln!(std::io::stderr(), "SKIPPED: {what}, because {because}");
}
