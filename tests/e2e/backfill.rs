//! Historical loads: across weeks, killed anywhere, paid for once, as long and as dear as planned.

use std::collections::BTreeMap;
use std::sync::mpsc::channel;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use clarion_simulator::{Control, Simulator};

use crate::audit::{assert_clean, audit};
use crate::harness::{Layout, Workspace, fetched_twice, lake_tables, simulate, small};

const FROM: &str = "2020-01-01";
/// Killed processes leave blocks of requests that were reserved: this many at most each.
const BLOCK: u64 = 500;

async fn scene(calls: usize, weekly_requests: u64) -> (Simulator, Workspace) {
    let simulator = simulate(small(calls)).await;
    let source = "concurrency = 4".to_owned();
    let workspace = Workspace::new(&simulator.url(), Layout { weekly_requests, source, ..Layout::default() });
    (simulator, workspace)
}

/// List requests that were answered more than once, and how often in all.
fn pages_twice(control: &Control) -> u64 {
    let mut asked: BTreeMap<String, u64> = BTreeMap::new();
    for request in control.requests().iter().filter(|request| request.path == "/calls") {
        // Counts are no pages: what proves a slice after a kill proves it once more.
        if request.param("limit") != Some("1") {
            *asked.entry(format!("{:?}", request.query)).or_default() += 1;
        }
    }
    asked.into_values().map(|times| times - 1).sum()
}

/// Kills a backfill when the n-th request from now arrives; true if it ended before.
fn killed_at(workspace: &Workspace, control: &Control, environment: &[(&str, &str)], n: u64) -> bool {
    let (send, reached) = channel();
    let at = control.count() + n;
    control.before_request(move |_, control| {
        if control.count() >= at {
            let _ = send.send(());
        }
    });
    let process = workspace.spawn(environment, &["backfill", "--from", FROM]);
    let id = process.id().to_string();
    let ended = std::thread::spawn(move || process.wait());
    while !ended.is_finished() {
        if reached.recv_timeout(Duration::from_millis(20)).is_ok() {
            let killed = std::process::Command::new("kill").args(["-KILL", &id]).status();
            assert!(killed.is_ok());
            break;
        }
    }
    let ran = ended.join().unwrap();
    control.clear_hook();
    if ran.signal.is_none() {
        assert!(ran.code == 0 || ran.code == 3, "exit {}\n{}", ran.code, ran.stderr);
    }
    ran.signal.is_none()
}

/// A number from a seed, for choices that a failure must be able to repeat.
fn pick(seed: u64, round: u64, below: u64) -> u64 {
    let mixed = (seed ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (mixed ^ (mixed >> 29)) % below.max(1)
}

/// `CLARION_BACKFILL_CALLS=250000 CLARION_BACKFILL_KILLS=50` is the size for which this is built; a hundredth of it
/// shows the same in a minute.
fn number_from(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_weeks_and_kills_end_with_every_call_once_and_no_week_overspent() {
    let calls = number_from("CLARION_BACKFILL_CALLS", 1_500);
    let kills = number_from("CLARION_BACKFILL_KILLS", 12);
    let seed = number_from("CLARION_SEED", u64::from(std::process::id()));
    println!("CLARION_SEED={seed}");
    // A little more than a third of what it takes, and room for the blocks of the dead.
    let weekly = calls * 2 / 5 + BLOCK;
    let (simulator, workspace) = scene(usize::try_from(calls).unwrap(), weekly).await;
    let control = simulator.control();
    let begun = Utc::now();
    let (mut week, mut died, mut weeks_used) = (0, 0, Vec::new());
    let (mut before, mut died_this_week) = (0, 0);
    loop {
        let now: DateTime<Utc> = begun + TimeDelta::weeks(week);
        control.set_now(now);
        let now = now.to_rfc3339();
        let environment = [("CLARION_TEST_NOW", now.as_str())];
        let per_kill = calls / kills.max(1);
        if died < kills {
            let n = 1 + pick(seed, died, per_kill);
            let ended = killed_at(&workspace, &control, &environment, n);
            died += u64::from(!ended);
            died_this_week += u64::from(!ended);
            assert!(control.count() - before <= weekly, "week {week}: {} requests", control.count() - before);
            let status = workspace.run_with_env(&environment, &["status"]).expect(0);
            let (ledger, server) = (status.number("/quota/used"), control.count() - before);
            assert!(ledger >= server, "the ledger is low: {ledger} of {server}");
            assert!(
                ledger <= server + BLOCK * died_this_week,
                "{ledger} of {server}, {died_this_week} deaths"
            );
            if !ended {
                continue;
            }
        }
        let ran = workspace.run_with_env(&environment, &["backfill", "--from", FROM]);
        assert!(control.count() - before <= weekly, "week {week}: {} requests", control.count() - before);
        weeks_used.push(control.count() - before);
        if ran.code == 0 {
            break;
        }
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        week += 1;
        (before, died_this_week) = (control.count(), 0);
        assert!(week < 12, "no end: {weeks_used:?}");
    }
    assert!(weeks_used.len() >= 3, "{weeks_used:?}");
    assert!(pages_twice(&control) <= 2 * died, "{} pages twice after {died} deaths", pages_twice(&control));
    let twice = fetched_twice(&control).len() as u64;
    assert!(twice <= 4 * died, "{twice} details twice after {died} deaths");
    // Calls that are still to come are for the sync.
    let now = (begun + TimeDelta::weeks(week + 1)).to_rfc3339();
    workspace.run_with_env(&[("CLARION_TEST_NOW", now.as_str())], &["sync"]).expect(0);
    assert_eq!(lake_tables(&workspace.lake())["calls"].len() as u64, calls);
    assert_clean("a backfill over weeks", audit(&workspace, &simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_planned_is_what_was_spent_within_a_twentieth() {
    let (simulator, workspace) = scene(400, 0).await;
    let control = simulator.control();
    let plan = workspace.run(&["plan", "--from", FROM]).expect(0);
    assert!(control.count() <= 1, "a plan costs one request a stream");
    assert_eq!(plan.number("/requests_made"), control.count());
    let before = control.count();
    let ran = workspace.run(&["backfill", "--from", FROM]).expect(0);
    let (planned, spent) = (plan.number("/requests"), control.count() - before);
    assert!(planned.abs_diff(spent) * 20 <= spent, "planned {planned}, spent {spent}");
    assert_eq!(ran.number("/requests/total"), spent);
    let status = workspace.run(&["status"]).expect(0);
    let job = &status.json["backfills"][0];
    assert!(job["slices_proved"].as_u64() > Some(0), "{job}");
    let success = &status.json["streams"][0]["last_success"];
    assert!(success.is_null(), "a backfill brings nothing up to date: {success}");
    assert_eq!((job["done"].as_bool(), job["requests_spent"].as_u64()), (Some(true), Some(spent)));
    workspace.sync();
    assert_clean("a backfill", audit(&workspace, &simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_for_again_it_costs_nothing_and_a_wider_one_only_the_rest() {
    let (simulator, workspace) = scene(300, 0).await;
    let control = simulator.control();
    workspace.run(&["backfill", "--from", "200d", "--to", "100d"]).expect(0);
    let first = control.count_of("/call-details");
    assert!(first > 0 && first < 250, "{first} details");
    let before = control.count();
    workspace.run(&["backfill", "--from", "190d", "--to", "110d"]).expect(0);
    assert_eq!(control.count(), before, "all of it was proved");
    workspace.run(&["backfill", "--from", FROM]).expect(0);
    assert_eq!(fetched_twice(&control), Vec::<String>::new());
    // The first sync has only to look at what the backfills did not: calls to come, calls without a time.
    let before = control.count_of("/calls");
    workspace.sync();
    let listed = control.count_of("/calls") - before;
    assert!(listed <= 12, "{listed} list requests for what was listed");
    assert_eq!(fetched_twice(&control), Vec::<String>::new());
    assert_clean("overlapping backfills", audit(&workspace, &simulator).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_forward_cursor_stays_where_it_is() {
    let (simulator, workspace) = scene(60, 0).await;
    let config = workspace.config().replace("history_start = \"2020-01-01\"", "history_start = \"30d\"");
    workspace.write_config(&config);
    workspace.sync();
    let cursor =
        |workspace: &Workspace| workspace.run(&["status"]).expect(0).json["streams"][0]["cursor"].clone();
    let before = cursor(&workspace);
    workspace.run(&["backfill", "--from", FROM]).expect(0);
    assert_eq!(cursor(&workspace), before);
    assert_eq!(fetched_twice(&simulator.control()), Vec::<String>::new());
    assert_clean("a backfill behind a sync", audit(&workspace, &simulator).await);
}

/// Dies at a step of the second page; returns pages and details that were paid for twice.
async fn killed_within_a_slice(point: &str, defect: &str) -> (u64, usize) {
    let (simulator, workspace) = scene(350, 0).await;
    let control = simulator.control();
    let ran = workspace.run_with_env(&[("FAILPOINTS", point)], &["backfill", "--from", FROM]);
    assert_eq!(ran.signal, Some(9), "{point} never fired: exit {}\n{}", ran.code, ran.stderr);
    workspace.run_with_env(&[("FAILPOINTS", defect)], &["backfill", "--from", FROM]).expect(0);
    let twice = (pages_twice(&control), fetched_twice(&control).len());
    workspace.sync();
    assert_clean(point, audit(&workspace, &simulator).await);
    twice
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_each_step_repeats_the_page_in_hand_at_most() {
    let points = [
        "backfill.page=1*off->return",
        "backfill.saved=4*off->return",
        "pipeline.cut=3*off->return",
        "journal.renamed=3*off->return",
        "state.writing=3*off->return",
        "state.committed=3*off->return",
        "pipeline.appended=150*off->return",
        "journal.appended=230*off->return",
    ];
    for point in points {
        let (pages, details) = killed_within_a_slice(point, "").await;
        assert!(pages <= 2, "{point}: {pages} pages twice");
        assert!(details <= 4, "{point}: {details} details twice");
    }
    let (pages, _) = killed_within_a_slice(points[0], "backfill.forget_hand=return").await;
    assert!(pages > 0, "a slice that is listed anew went unnoticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_details_switched_off_it_lists_and_fetches_none() {
    let (simulator, workspace) = scene(30, 0).await;
    workspace.write_config(&(workspace.config() + "\n[streams.call_details]\nenabled = false\n"));
    workspace.run(&["backfill", "--from", FROM]).expect(0);
    assert_eq!(simulator.control().count_of("/call-details"), 0);
    assert!(lake_tables(&workspace.lake())["calls"].len() > 20);
}

#[tokio::test]
async fn dates_that_make_no_span_are_named() {
    let (_simulator, workspace) = scene(3, 0).await;
    let ran = workspace.run_plain(&["backfill", "--from", "yesteryear"]).expect(2);
    assert!(ran.stderr.contains("yesteryear") && ran.stderr.contains("730d"), "{}", ran.stderr);
    let ran = workspace.run_plain(&["backfill", "--from", "10d", "--to", "20d"]).expect(2);
    assert!(ran.stderr.contains("before it begins"), "{}", ran.stderr);
}
