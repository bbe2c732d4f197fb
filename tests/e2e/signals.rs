//! SIGINT and SIGTERM: the run ends soon, whatever it waits for, and what it had is kept.

use std::process::Command;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use clarion_simulator::Simulator;

use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Running, Workspace, fetched_twice, nth_details_request, simulate, small};

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
        assert_eq!(fetched_twice(&control), Vec::<String>::new(), "{name}");
    }
}

/// The test above must be able to fail.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_drops_what_is_in_flight_is_found_out() {
    let (simulator, workspace) = scene("1s").await;
    let control = simulator.control();
    control.set_faults("slow@/call-details").unwrap();
    let reached = nth_details_request(&control, 9);
    let process = workspace.spawn(&[("FAILPOINTS", "pipeline.drop_in_flight=return")], &["sync"]);
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    signal(&process, "-TERM");
    process.wait_at_most(WITHIN).expect(143);
    control.clear_hook();
    control.set_faults("").unwrap();
    workspace.sync();
    assert!(!fetched_twice(&control).is_empty(), "answers that are dropped went unnoticed");
}

/// Pages in hand are kept too: the next sync goes on with what the list has shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_within_the_listing_keeps_the_page_in_hand() {
    let (simulator, workspace) = scene("1s").await;
    let control = simulator.control();
    control.set_faults("slow@/calls").unwrap();
    let (send, reached) = channel();
    control.before_request(move |request, _| {
        if request.path == "/calls" && request.param("includePrivate") == Some("true") {
            let _ = send.send(());
        }
    });
    let process = workspace.spawn(&[], &["sync"]);
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    signal(&process, "-TERM");
    process.wait_at_most(WITHIN).expect(143);
    control.clear_hook();
    control.set_faults("").unwrap();
    let status = workspace.run(&["status"]).expect(0);
    let kept = status.json["streams"].as_array().unwrap().iter().find(|stream| stream["name"] == "calls");
    assert_eq!(kept.unwrap()["rows"], 30, "the page in hand is in the journal");
    workspace.sync();
    assert_clean("a stop within the listing", audit(&workspace, &simulator).await);
}

/// A vendor that never answers does not hold up the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_request_that_hangs() {
    let hung = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hung.local_addr().unwrap());
    let (simulator, workspace) = scene("1s").await;
    let config = workspace.config();
    workspace.write_config(&config.replace(&simulator.url(), &url));
    let process = workspace.spawn(&[], &["sync"]);
    let (_connection, _) = hung.accept().unwrap();
    signal(&process, "-TERM");
    process.wait_at_most(WITHIN).expect(143);
}

/// Commands that only look say the same of their end as those that write.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_a_command_that_only_looks_with_the_signals_code() {
    let hung = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", hung.local_addr().unwrap());
    let (simulator, workspace) = scene("1s").await;
    let config = workspace.config();
    workspace.write_config(&config.replace(&simulator.url(), &url));
    for command in ["check", "plan", "verify"] {
        for (name, code) in [("-INT", 130), ("-TERM", 143)] {
            let process = workspace.spawn(&[], &[command]);
            let (_connection, _) = hung.accept().unwrap();
            signal(&process, name);
            let ran = process.wait_at_most(WITHIN).expect(code);
            assert_eq!(ran.stdout, "", "{command}");
        }
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
