//! The ledger, the week's quota and the pace, counted by the server.

use chrono::{DateTime, Datelike as _, TimeDelta, Timelike as _, Utc, Weekday};
use clarion_simulator::Control;

use crate::harness::{Layout, Workspace, assert_truth, fetched_twice, lake_tables, simulate, small};

#[tokio::test]
async fn the_ledger_equals_the_servers_count_with_retries() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    control.set_faults("429#7,500:0.06,503:0.04,reset:0.03,truncate:0.03,html:0.02").unwrap();
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let ran = workspace.run(&["sync"]);
    let faults: u64 = control.faults_fired().values().sum();
    assert!(faults > 4, "only {faults} faults fired");
    assert_eq!(ran.number("/quota/used"), control.quota_used(), "{}", ran.stderr);
    assert_eq!(ran.number("/requests/total"), control.count());
    assert_eq!(ran.number("/requests/rate_limited"), control.refused());
    assert!(control.refused() >= 1);
    let by_stream = ran.json["requests"]["by_stream"].as_object().unwrap();
    let sum: u64 = by_stream.values().filter_map(serde_json::Value::as_u64).sum();
    assert_eq!(sum, control.count());

    control.set_faults("").unwrap();
    let ran = workspace.sync();
    assert_eq!(ran.number("/quota/used"), control.quota_used());
    assert_truth(&workspace, &control).await;
    let status = workspace.run(&["status"]).expect(0);
    assert_eq!(status.number("/quota/used"), control.quota_used());
}

#[tokio::test]
async fn a_week_that_is_used_up_pauses_the_sync_and_the_next_one_goes_on() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let layout = Layout { weekly_requests: 40, ..Layout::both().await };
    let workspace = Workspace::new(&simulator.url(), layout);
    let ran = workspace.run(&["sync"]).expect(3);
    assert_eq!(ran.text("/outcome"), "paused");
    assert!(control.count() <= 40, "{} requests", control.count());
    assert_eq!(ran.number("/quota/used"), control.quota_used());
    assert_eq!(ran.number("/quota/left"), 40 - control.count());
    assert_sunday_midnight(ran.text("/quota/resumes_at"));
    // The list is complete, and what waits is history: nothing is stale.
    let status = workspace.run(&["status"]).expect(0);
    assert!(status.json["streams"][0]["last_success"].is_string(), "{}", status.json["streams"]);
    let fetched = control.count_of("/call-details");
    assert!(fetched > 20, "only {fetched} details within the quota");
    let tables = lake_tables(&workspace.lake());
    assert_eq!((tables["calls"].len() as u64, tables["call_details"].len() as u64), (60, fetched));

    // Still nothing left: the next run pauses too, and asks for nothing.
    let requests = control.count();
    workspace.run(&["sync"]).expect(3);
    assert!(control.count() <= 40.max(requests), "{} requests", control.count());

    raise_quota(&workspace);
    workspace.sync();
    assert_truth(&workspace, &control).await;
    assert_eq!(fetched_twice(&control), Vec::<String>::new());
}

/// The pause mends itself, the other trouble does not.
#[tokio::test]
async fn a_week_that_is_used_up_does_not_hide_a_destination_that_is_down() {
    let simulator = simulate(small(30)).await;
    let layout = Layout {
        weekly_requests: 20,
        more: "[[destinations]]\nname = \"down\"\nkind = \"postgres\"\n\
               url = \"postgres://nobody@127.0.0.1:9/none\"\n"
            .to_owned(),
        ..Layout::default()
    };
    let workspace = Workspace::new(&simulator.url(), layout);
    let ran = workspace.run(&["sync"]).expect(1);
    assert_eq!(ran.text("/outcome"), "failed");
    // One is the quota's.
    assert_eq!(ran.json["errors"].as_array().unwrap().len(), 2, "{}", ran.json["errors"]);
    let status = workspace.run(&["status"]).expect(0);
    assert!(status.json["streams"][0]["last_success"].is_null(), "what is not loaded is not fresh");
}

#[tokio::test]
async fn a_week_too_small_for_the_list_goes_on_with_the_list() {
    let simulator = simulate(small(30)).await;
    let control = simulator.control();
    let layout = Layout { weekly_requests: 2, ..Layout::both().await };
    let workspace = Workspace::new(&simulator.url(), layout);
    let ran = workspace.run(&["sync"]).expect(3);
    assert_eq!(ran.text("/outcome"), "paused");
    assert!(control.count() <= 2);
    let status = workspace.run(&["status"]).expect(0);
    assert_eq!(status.json["streams"][0]["last_success"], serde_json::Value::Null);
    raise_quota(&workspace);
    workspace.sync();
    assert_truth(&workspace, &control).await;
    assert_eq!(fetched_twice(&control), Vec::<String>::new());
}

/// The answers are slow, so that some are under way when the gate refuses the next request.
async fn details_paid_twice_at_the_quotas_end(failpoints: &str) -> Vec<String> {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let layout = Layout { weekly_requests: 40, ..Layout::default() };
    let workspace = Workspace::new(&simulator.url(), layout);
    control.set_faults("slow@/call-details").unwrap();
    workspace.run_with_env(&[("FAILPOINTS", failpoints)], &["sync"]).expect(3);
    assert!(control.count() <= 40, "{} requests", control.count());
    control.set_faults("").unwrap();
    raise_quota(&workspace);
    workspace.sync();
    fetched_twice(&control)
}

#[tokio::test]
async fn what_is_in_flight_at_the_quotas_end_is_kept() {
    assert_eq!(details_paid_twice_at_the_quotas_end("").await, Vec::<String>::new());
    let dropped = details_paid_twice_at_the_quotas_end("pipeline.drop_in_flight=return").await;
    assert!(!dropped.is_empty(), "answers that are dropped went unnoticed");
}

/// Syncs in full, a week later each time, until nothing is left; returns the weeks, six at most.
fn full_syncs(workspace: &Workspace, control: &Control, weekly: u64, failpoints: &str) -> u32 {
    for week in 1..=6 {
        let before = control.count();
        let run = |hours, arguments: &[&str]| {
            let now = wednesday() + TimeDelta::weeks(week.into()) + TimeDelta::hours(hours);
            control.set_now(now);
            let now = now.to_rfc3339();
            let environment = [("CLARION_TEST_NOW", now.as_str()), ("FAILPOINTS", failpoints)];
            let ran = workspace.run_with_env(&environment, arguments);
            let requests = control.count() - before;
            assert!(requests <= weekly, "{requests} requests in week {week}");
            ran
        };
        let ran = run(0, &["sync", "--full"]);
        let status = run(1, &["status"]).expect(0);
        let progress = &status.json["generation_progress"];
        assert_eq!(progress["complete"], ran.code == 0, "{progress}");
        if ran.code == 0 {
            return week;
        }
        assert_eq!(ran.code, 3, "{}", ran.stderr);
        // Once more in the same week: hardly anything is left, and nothing is begun anew.
        run(2, &["sync", "--full"]).expect(3);
    }
    6
}

async fn full_over_weeks(failpoints: &str) -> (u32, Vec<String>, u64) {
    const WEEKLY: u64 = 25;
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    workspace.sync();
    let first = workspace.config();
    workspace.write_config(&first.replace("weekly_requests = 0", &format!("weekly_requests = {WEEKLY}")));
    control.reset_log();
    let weeks = full_syncs(&workspace, &control, WEEKLY, failpoints);
    let status = workspace.run(&["status"]).expect(0);
    (weeks, fetched_twice(&control), status.number("/generation"))
}

#[tokio::test]
async fn a_full_sync_larger_than_a_week_goes_on_where_it_stopped() {
    let (weeks, twice, generation) = full_over_weeks("").await;
    assert!((3..6).contains(&weeks), "{weeks} weeks");
    assert_eq!(twice, Vec::<String>::new());
    assert_eq!(generation, 2, "one generation was asked for");
    let (_, twice, generation) = full_over_weeks("pipeline.full_begins_anew=return").await;
    assert!(generation > 2 && !twice.is_empty(), "a generation that is begun anew went unnoticed");
}

/// The same with a quota that ends within the list.
#[tokio::test]
async fn a_full_list_larger_than_a_week_goes_on_where_it_stopped() {
    let simulator = simulate(small(120)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    workspace.sync();
    let first = workspace.config();
    workspace.write_config(&first.replace("weekly_requests = 0", "weekly_requests = 4"));
    let hour = |hours| (wednesday() + TimeDelta::weeks(1) + TimeDelta::hours(hours)).to_rfc3339();
    let run = |at: &str, arguments: &[&str]| workspace.run_with_env(&[("CLARION_TEST_NOW", at)], arguments);
    run(&hour(0), &["sync", "--full"]).expect(3);
    let status = run(&hour(1), &["status"]).expect(0);
    assert_eq!(status.json["generation_progress"]["listed"], false);
    workspace.write_config(&first);
    control.reset_log();
    run(&hour(2), &["sync", "--full"]).expect(0);
    let status = run(&hour(3), &["status"]).expect(0);
    assert_eq!(status.json["generation"], 2);
    assert_eq!(status.json["generation_progress"]["complete"], true);
    assert_eq!(fetched_twice(&control), Vec::<String>::new());
}

#[tokio::test]
async fn at_the_vendors_rate_no_request_is_refused() {
    let options = clarion_simulator::Options { rate: 10, ..small(40) };
    let simulator = simulate(options).await;
    let control = simulator.control();
    let layout = Layout { requests_per_second: 9.0, ..Layout::both().await };
    let workspace = Workspace::new(&simulator.url(), layout);
    workspace.sync();
    // A second process goes on at once: the pace is shared through the state store.
    workspace.sync();
    assert_eq!(control.refused(), 0);
    let requests = control.requests();
    let (first, last) = (requests[0].at, requests[requests.len() - 1].at);
    let per_second = requests.len() as f64 / (last - first).as_seconds_f64();
    assert!(per_second < 10.0, "{per_second} requests a second");
}

/// Requests that a killed process had reserved and not settled count as used.
#[tokio::test]
async fn after_a_kill_the_ledger_is_not_below_the_servers_count() {
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let layout = Layout { requests_per_second: 100.0, ..Layout::default() };
    let workspace = Workspace::new(&simulator.url(), layout);
    let ran = workspace.run_with_env(&[("FAILPOINTS", "pipeline.appended=100*off->return")], &["sync"]);
    assert_eq!(ran.signal, Some(9), "not killed\n{}", ran.stderr);
    let ran = workspace.sync();
    let (ledger, server) = (ran.number("/quota/used"), control.quota_used());
    // A block is a second's worth of requests.
    assert!((server..=server + 100).contains(&ledger), "{ledger} in the ledger, {server} at the server");
    assert_truth(&workspace, &control).await;
}

/// The vendor counts by its own clock: what was left on Saturday is gone, and all of the new week is there.
#[tokio::test]
async fn a_run_that_crosses_sunday_goes_on_in_the_new_week() {
    const WEEKLY: u64 = 60;
    let options = clarion_simulator::Options { weekly_quota: WEEKLY, ..small(60) };
    let simulator = simulate(options).await;
    let control = simulator.control();
    let layout = Layout { requests_per_second: 10.0, weekly_requests: WEEKLY, ..Layout::default() };
    let workspace = Workspace::new(&simulator.url(), layout);
    let sunday = next_sunday();
    let before = sunday - TimeDelta::seconds(7);
    control.set_now(before);
    let before = before.to_rfc3339();
    let environment = [("CLARION_TEST_NOW", before.as_str())];
    let ran = workspace.run_with_env(&environment, &["sync"]).expect(0);
    assert!(control.count() > WEEKLY, "{} requests fit one week", control.count());
    assert_eq!(control.refused(), 0);
    let in_new_week = control.requests().iter().filter(|request| request.at >= sunday).count() as u64;
    assert!(in_new_week > 0 && in_new_week <= WEEKLY, "{in_new_week} requests after Sunday");
    assert!(ran.number("/quota/used") >= in_new_week, "the ledger is low");
    assert_truth(&workspace, &control).await;
}

fn raise_quota(workspace: &Workspace) {
    let config = workspace.config();
    let line = config.lines().find(|line| line.starts_with("weekly_requests")).unwrap();
    workspace.write_config(&config.replace(line, "weekly_requests = 100000"));
}

/// The noon of the next Wednesday: some hours later it is the same week.
pub(crate) fn wednesday() -> DateTime<Utc> {
    let today = Utc::now().date_naive();
    let days = (9 - i64::from(today.weekday().num_days_from_monday())) % 7;
    (today + TimeDelta::days(days)).and_hms_opt(12, 0, 0).unwrap().and_utc()
}

fn next_sunday() -> DateTime<Utc> {
    let today = Utc::now().date_naive();
    let days = 7 - i64::from(today.weekday().num_days_from_sunday());
    (today + TimeDelta::days(days)).and_hms_opt(0, 0, 0).unwrap().and_utc()
}

/// The vendor's week begins on Sunday, 00:00 GMT.
fn assert_sunday_midnight(text: &str) {
    let time: DateTime<Utc> = text.parse().unwrap();
    assert_eq!((time.weekday(), time.num_seconds_from_midnight()), (Weekday::Sun, 0), "{text}");
    assert!(time > Utc::now());
}
