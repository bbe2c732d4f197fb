//! When the service syncs, and how it ends.

use std::fs;
use std::sync::mpsc::channel;
use std::time::Duration;

use sqlx::{Connection as _, Executor as _, SqliteConnection};

use super::process::Service;
use super::wire::Message;
use super::{HOURLY, SECRET, scene, synced};
use crate::audit::{assert_clean, audit};
use crate::harness::{Database, Layout, Workspace, assert_truth, nth_details_request, small};

fn run(kind: &str, outcome: &str) -> (String, String) {
    (kind.to_owned(), outcome.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_syncs_again_and_again_and_its_metrics_are_the_servers_count() {
    let every = "[schedule]\nevery = \"1s\"\n[streams.calls]\nrelist = \"500d\"\n";
    let (simulator, workspace) = scene(small(20), every).await;
    let control = simulator.control();
    let service = Service::start(&workspace, &[]);
    for _ in 0..3 {
        assert_eq!(service.next_run(), run("sync", "done"));
    }
    assert!(service.metric("clarion_runs_total{kind=\"sync\",outcome=\"done\"}").unwrap() >= 3.0);
    assert_eq!(service.stop(), 0);
    assert_truth(&workspace, &control).await;

    // One run, so that nothing moves while it is counted.
    workspace.write_config(&workspace.config().replace("\"1s\"", "\"1h\""));
    workspace.delete_state();
    fs::remove_dir_all(workspace.journal()).unwrap();
    fs::remove_dir_all(workspace.lake()).unwrap();
    control.reset_log();
    let service = Service::start(&workspace, &[]);
    assert_eq!(service.next_run(), run("sync", "done"));
    let metrics = service.get("/metrics");
    let counted: f64 = metrics
        .body
        .lines()
        .filter(|line| line.starts_with("clarion_requests_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert_eq!(counted, control.count() as f64, "{}", metrics.body);
    for (sample, value) in [
        ("clarion_quota_left", f64::INFINITY),
        ("clarion_destination_lag_records{destination=\"lake\"}", 0.0),
        ("clarion_rows_total{destination=\"lake\",table=\"call_details\"}", 20.0),
        ("clarion_queue_depth{reason=\"ready\"}", 0.0),
    ] {
        assert_eq!(service.metric(sample), Some(value), "{sample}");
    }
    let now = chrono::Utc::now().timestamp() as f64;
    let success = service.metric("clarion_last_success_timestamp_seconds{stream=\"calls\"}").unwrap();
    assert!((now - success).abs() < 60.0, "{success}");
    assert!(service.metric("clarion_stream_lag_seconds{stream=\"calls\"}").unwrap() < 60.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn others_look_on_beside_it_and_none_writes() {
    let (_simulator, workspace, service) = synced(10).await;
    workspace.run(&["status"]).expect(0);
    workspace.run(&["streams"]).expect(0);
    for command in [&["sync"][..], &["load"]] {
        let refused = workspace.run(command).expect(1);
        for named in ["another clarion is writing", "command: run", &format!("pid: {}", service.id())] {
            assert!(refused.stderr.contains(named), "{named}\n{}", refused.stderr);
        }
    }
    assert_eq!(service.stop(), 0);
    workspace.sync();
}

/// What runs between a restart and the answer to a notification, which comes when no sync is due.
fn runs_after_restart(workspace: &Workspace, call: &str, failpoints: &str) -> Vec<String> {
    let service = Service::start(workspace, &[("CLARION_HOOK_SECRET", SECRET), ("FAILPOINTS", failpoints)]);
    let id = format!("{:?}", std::time::Instant::now());
    assert_eq!(Message::about(&id, call).post(&service.url), 202);
    let mut runs = Vec::new();
    while runs.len() < 3 && runs.last().is_none_or(|kind| kind != "on_demand") {
        runs.push(service.next_run().0);
    }
    // Whether the sync of a restart has taken the notification along depends on which came first.
    if runs.len() > 1 {
        runs.retain(|kind| kind != "on_demand");
    }
    runs
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_to_the_schedule_and_downtime_is_caught_up_once() {
    let (simulator, workspace, service) = synced(10).await;
    let call = simulator.control().call_ids().remove(0);
    assert_eq!(service.stop(), 0);
    assert_eq!(runs_after_restart(&workspace, &call, ""), ["on_demand"], "no sync is due");

    backdate(&workspace).await;
    let service = Service::start(&workspace, &[("CLARION_HOOK_SECRET", SECRET)]);
    assert_eq!(service.next_run(), run("sync", "done"), "several were missed");
    assert_eq!(Message::about("after", &call).post(&service.url), 202);
    assert_eq!(service.next_run(), run("on_demand", "done"), "and one caught up for all");
    assert_eq!(service.stop(), 0);

    // The planted defect: a service that forgets that it synced.
    backdate(&workspace).await;
    let forgetful = [("CLARION_HOOK_SECRET", SECRET), ("FAILPOINTS", "service.forgets_the_run=return")];
    let service = Service::start(&workspace, &forgetful);
    assert_eq!([service.next_run().0, service.next_run().0], ["sync", "sync"], "the defect is not seen");
}

/// Moves all runs ten hours into the past.
async fn backdate(workspace: &Workspace) {
    let url = format!("sqlite://{}", workspace.state().display());
    let mut state = SqliteConnection::connect(&url).await.unwrap();
    let update = "UPDATE runs SET started_at = started_at - 36000000, ended_at = ended_at - 36000000";
    state.execute(update).await.unwrap();
    state.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_in_the_middle_of_a_sync_ends_it_with_zero_and_nothing_is_lost() {
    for name in ["-TERM", "-INT"] {
        let (simulator, workspace) = scene(small(40), HOURLY).await;
        let control = simulator.control();
        control.set_faults("slow@/call-details").unwrap();
        let (send, reached) = channel();
        control.before_request(move |request, control| {
            if request.path == "/call-details" && control.count_of("/call-details") >= 9 {
                let _ = send.send(());
            }
        });
        let service = Service::start(&workspace, &[]);
        reached.recv_timeout(Duration::from_secs(60)).unwrap();
        service.signal(name);
        assert_eq!(service.wait(), 0, "{name}");
        control.clear_hook();
        control.set_faults("").unwrap();

        // A sync that was broken off is due at once.
        let service = Service::start(&workspace, &[]);
        assert_eq!(service.next_run(), run("sync", "done"));
        assert_eq!(service.stop(), 0);
        assert_clean(name, audit(&workspace, &simulator).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let (simulator, workspace) = scene(small(40), HOURLY).await;
    let control = simulator.control();
    control.set_faults("slow@/call-details").unwrap();
    let reached = nth_details_request(&control, 1);
    let service = Service::start(&workspace, &[]);
    reached.recv_timeout(Duration::from_secs(60)).unwrap();
    service.signal("-TERM");
    service.signal("-TERM");
    assert_eq!(service.wait(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_it_starts_again_at_once() {
    let (simulator, workspace) = scene(small(20), HOURLY).await;
    let killed = Service::start(&workspace, &[("FAILPOINTS", "pipeline.appended=9*off->return")]);
    assert_eq!(killed.wait(), -1);
    let service = Service::start(&workspace, &[]);
    assert_eq!(service.next_run(), run("sync", "done"));
    assert_eq!(service.stop(), 0);
    assert_clean("after a kill", audit(&workspace, &simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_was_lost_is_taken_again_and_nothing_is_written_without_it() {
    let Some(state) = Database::fresh().await else { return };
    let more = format!("[schedule]\nevery = \"3s\"\n[state]\nurl = \"{}\"\n", state.url());
    let (simulator, workspace) = scene(small(10), &more).await;
    let service = Service::start(&workspace, &[]);
    assert_eq!(service.next_run(), run("sync", "done"));
    let elsewhere = Workspace::new(&simulator.url(), Layout { more, ..Layout::default() });
    elsewhere.run(&["sync"]).expect(1);
    // As when the server was restarted: the session that held the lock is gone, and another machine is faster.
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
         WHERE application_name LIKE 'clarion %' AND datname = current_database()";
    state.run(end).await;
    // Its journal is another one, which it finds out after it has the lease.
    let other = elsewhere.run(&["sync"]).expect(1);
    assert!(other.stderr.contains("the journal lacks a segment"), "{}", other.stderr);
    let mut outcomes = Vec::new();
    while outcomes.last().is_none_or(|outcome| outcome == "done") {
        outcomes.push(service.next_run().1);
    }
    assert_eq!(outcomes.last().map(String::as_str), Some("failed"), "it was refused as a late writer");
    assert_eq!(service.next_run(), run("sync", "done"), "and took the lease again");
    assert_eq!(service.stop(), 0);
    assert_truth(&workspace, &simulator.control()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_leave_it_up_and_unready_until_they_are_right() {
    let (_simulator, workspace) = scene(small(10), "[schedule]\nevery = \"1s\"\n").await;
    fs::write(workspace.path().join("key"), "wrong").unwrap();
    let config = workspace.config().replace("[source]", "[source]\napi_key_file = \"key\"");
    workspace.write_config(&config);
    let service = Service::start(&workspace, &[]);
    assert_eq!(service.next_run(), run("sync", "failed"));
    let ready = service.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("credentials"), "{}", ready.body);
    assert_eq!(service.get("/healthz").status, 200);

    fs::write(workspace.path().join("key"), "demo").unwrap();
    while service.next_run().1 != "done" {}
    assert_eq!(service.get("/readyz").status, 200);
    assert_eq!(service.stop(), 0);
}
