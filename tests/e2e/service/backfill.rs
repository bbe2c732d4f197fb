//! A backfill beside the service: handed over, worked on between the syncs, followed to its end.

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
    assert_eq!(ran.json["done"], true, "{}", ran.stdout);
    assert!(ran.number("/calls_listed") >= 120 - recent as u64 - 10, "{}", ran.stdout);
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
    assert_eq!(ran.json["done"], true, "{}", ran.stdout);
    assert!(control.count_of("/call-details") > paused);
    assert_eq!(service.metric("clarion_backfill_calls{state=\"expected\"}"), Some(0.0));
    assert_eq!(service.metric("clarion_runs_total{kind=\"sync\",outcome=\"done\"}"), Some(0.0));
    assert_eq!(service.stop(), 0);
    workspace.sync();
    assert_truth(&workspace, &control).await;
}
