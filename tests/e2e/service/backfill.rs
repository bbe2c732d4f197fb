//! A backfill beside the service: handed over, worked on between the syncs, followed to its end.

use clarion_simulator::Control;

use super::process::Service;
use super::{HOURLY, scene};
use crate::harness::{assert_truth, fetched_twice, lake_tables, small};

#[tokio::test(flavor = "multi_thread")]
async fn the_service_takes_a_backfill_over_and_whoever_asked_sees_its_end() {
    let (simulator, workspace) = scene(small(120), HOURLY).await;
    let config = workspace.config().replace("history_start = \"2020-01-01\"", "history_start = \"30d\"");
    workspace.write_config(&config);
    let service = Service::start(&workspace, &[]);
    assert_eq!(service.next_run(), ("sync".to_owned(), "done".to_owned()));
    let recent = lake_tables(&workspace.lake())["calls"].len();
    assert!(recent < 120, "{recent} calls in the first sync");

    let ran = workspace.run(&["backfill", "--from", "2020-01-01"]).expect(0);
    assert_eq!(ran.text("/outcome"), "done", "{}", ran.stdout);
    assert!(ran.number("/streams/calls/fetched") >= 120 - recent as u64 - 10, "{}", ran.stdout);
    let control = simulator.control();
    assert_eq!(fetched_twice(&control), Vec::<String>::new());
    let status = workspace.run(&["status"]).expect(0);
    assert_eq!(status.json["backfills"][0]["done"], true);
    service.stop();

    // What the service fetched between its syncs is loaded with the next one.
    workspace.run(&["load"]).expect(0);
    assert_eq!(lake_tables(&workspace.lake())["calls"].len(), 120);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_has_nothing_else_to_do_goes_on_with_what_was_begun() {
    let (simulator, workspace) = scene(small(60), HOURLY).await;
    let control = simulator.control();
    workspace.write_config(&workspace.config().replace("\"2020-01-01\"", "\"1d\""));
    workspace.sync();
    let unlimited = workspace.config();
    workspace.write_config(&unlimited.replace("weekly_requests = 0", "weekly_requests = 30"));
    workspace.run(&["backfill", "--from", "2020-01-01"]).expect(3);
    let paused = control.count_of("/call-details");

    // Its first requests are those of the backfill: no sync is due for an hour.
    workspace.write_config(&unlimited);
    let service = Service::start(&workspace, &[]);
    let ran = workspace.run(&["backfill", "--from", "2020-01-01"]).expect(0);
    assert_eq!(ran.text("/outcome"), "done", "{}", ran.stdout);
    assert!(control.count_of("/call-details") > paused);
    assert_eq!(service.metric("clarion_backfill_calls{state=\"expected\"}"), Some(0.0));
    assert_eq!(service.metric("clarion_runs_total{kind=\"sync\",outcome=\"done\"}"), Some(0.0));
    assert_eq!(service.stop(), 0);
    workspace.sync();
    assert_truth(&workspace, &control).await;
}

fn asked_for(control: &Control, call: &str) -> usize {
    let of_call = |path: &str, id: Option<&str>| path == "/call-details" && id == Some(call);
    control.requests().iter().filter(|request| of_call(&request.path, request.param("id"))).count()
}

/// The service begins with what a killed backfill left, before any sync is due.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_backfill_left_is_taken_up_and_not_stepped_over() {
    let (simulator, workspace) = scene(small(150), HOURLY).await;
    let config = workspace.config();
    workspace.write_config(&config.replace("history_start = \"2020-01-01\"", "history_start = \"30d\""));
    workspace.sync();
    let failpoints = [("FAILPOINTS", "pipeline.cut=3*off->return")];
    let ran = workspace.run_with_env(&failpoints, &["backfill", "--from", "2020-01-01"]);
    assert_eq!(ran.signal, Some(9), "{}", ran.stderr);

    let service = Service::start(&workspace, &[]);
    workspace.run(&["backfill", "--from", "2020-01-01"]).expect(0);
    service.stop();
    workspace.run(&["load"]).expect(0);
    assert_eq!(lake_tables(&workspace.lake())["calls"].len(), 150);
    let twice = fetched_twice(&simulator.control()).len();
    assert!(twice <= 4, "{twice} details were fetched twice");
    workspace.run(&["verify"]).expect(0);
}

/// A call that always fails is left alone for a while, and holds nothing up.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_always_fails_does_not_stop_a_backfill() {
    let (simulator, workspace) = scene(small(80), HOURLY).await;
    let config = workspace.config();
    workspace.write_config(&config.replace("history_start = \"2020-01-01\"", "history_start = \"1d\""));
    workspace.sync();
    let control = simulator.control();
    let broken = control.call_ids().into_iter().next_back().unwrap_or_default();
    control.fail_details([broken.clone()], 502, u32::MAX);
    let service = Service::start(&workspace, &[]);
    workspace.run(&["backfill", "--from", "2020-01-01"]).expect(0);
    service.stop();
    workspace.run(&["load"]).expect(0);
    assert!(lake_tables(&workspace.lake())["calls"].len() > 70);
    // Two tries, each repeated a few times within the request itself.
    let asked = asked_for(&control, &broken);
    assert!(asked > 0 && asked <= 12, "{asked} requests for a call that fails");
}
