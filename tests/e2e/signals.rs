//! SIGINT and SIGTERM: the run ends soon, whatever it waits for, and what it had is kept.

use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use clarion_simulator::{Control, Simulator};

use crate::audit::{assert_clean, audit, has_details};
use crate::harness::{Layout, Running, Workspace, simulate, small};

/// The contract with users.
const WITHIN: Duration = Duration::from_secs(10);
const CONCURRENCY: u64 = 4;

async fn scene(rate_limit_wait: &str) -> (Simulator, Workspace) {
    let simulator = simulate(small(30)).await;
    let layout = Layout {
        rate_limit_wait: rate_limit_wait.to_owned(),
        source: format!("concurrency = {CONCURRENCY}"),
        ..Layout::default()
    };
    let workspace = Workspace::new(&simulator.url(), layout);
    (simulator, workspace)
}

/// Tells when the n-th details request is about to be answered.
fn nth_details_request(control: &Control, n: u64) -> Receiver<()> {
    let (send, receive) = channel();
    control.before_request(move |request, control| {
        if request.path == "/call-details" && control.count_of("/call-details") + 1 >= n {
            let _ = send.send(());
        }
    });
    receive
}

fn signal(process: &Running, name: &str) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status();
    assert!(sent.unwrap().success(), "the process is there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_sync_keeps_what_it_fetched() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let (simulator, workspace) = scene("1s").await;
        let control = simulator.control();
        control.set_faults("slow@/call-details").unwrap();
        let reached = nth_details_request(&control, 9);
        let process = workspace.spawn(&[], &["sync"]);
        reached.recv_timeout(Duration::from_secs(60)).unwrap();
        signal(&process, name);
        process.wait_at_most(WITHIN).expect(code);
        control.clear_hook();
        control.set_faults("").unwrap();
        workspace.sync();
        assert_clean(name, audit(&workspace, &simulator).await);
        let wanted = control.truth().iter().filter(|call| has_details(call)).count() as u64;
        let paid = control.count_of("/call-details");
        assert!(paid <= wanted + CONCURRENCY, "{name}: {paid} details requests for {wanted} calls");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_waits_for_the_rate_limit_stops_at_once() {
    for (name, code) in [("-INT", 130), ("-TERM", 143)] {
        let (simulator, workspace) = scene("2m").await;
        let control = simulator.control();
        control.set_faults("429@/call-details").unwrap();
        let reached = nth_details_request(&control, 1);
        let process = workspace.spawn(&[], &["sync"]);
        reached.recv_timeout(Duration::from_secs(60)).unwrap();
        let sent = Instant::now();
        signal(&process, name);
        process.wait_at_most(WITHIN).expect(code);
        assert!(sent.elapsed() < WITHIN);
        control.clear_hook();
        control.set_faults("").unwrap();
        workspace.sync();
        assert_clean(name, audit(&workspace, &simulator).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_the_process_at_once() {
    let (simulator, workspace) = scene("1s").await;
    let control = simulator.control();
    control.set_faults("slow@/call-details").unwrap();
    let reached = nth_details_request(&control, 5);
    let process = workspace.spawn(&[], &["sync"]);
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    signal(&process, "-INT");
    signal(&process, "-INT");
    process.wait_at_most(Duration::from_secs(3)).expect(130);
    control.clear_hook();
    control.set_faults("").unwrap();
    workspace.sync();
    assert_clean("two signals", audit(&workspace, &simulator).await);
}
