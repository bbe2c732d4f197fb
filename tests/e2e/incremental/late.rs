//! Calls that are ready long after they took place, and clocks that do not agree.

use chrono::{DateTime, TimeDelta, Utc};
use clarion_simulator::{Control, Edit};

use super::{id, is_done};
use crate::harness::{Layout, Ran, Workspace, assert_truth, lake_tables, simulate, small};

/// Syncs under this clock, the vendor's standing where it is.
fn sync_at(workspace: &Workspace, now: DateTime<Utc>) -> Ran {
    let now = now.to_rfc3339();
    workspace.run_with_env(&[("CLARION_TEST_NOW", now.as_str())], &["sync"]).expect(0)
}

fn has_details(workspace: &Workspace, call: &str) -> bool {
    let lake = lake_tables(&workspace.lake());
    lake.get("call_details").is_some_and(|rows| rows.iter().any(|row| row["id"] == call))
}

fn set_status(control: &Control, call: &str, status: &str, at: DateTime<Utc>) {
    let edit = Edit::SetStatus { id: call.to_owned(), status: status.to_owned(), at };
    assert!(control.edit(edit), "{call} is there");
}

fn some_done(control: &Control, count: usize) -> Vec<String> {
    let calls = control.truth();
    let chosen: Vec<String> = calls.iter().filter(|call| is_done(call)).map(id).take(count).collect();
    assert_eq!(chosen.len(), count, "too few calls");
    chosen
}

#[tokio::test]
async fn calls_that_are_ready_an_hour_to_a_month_later_arrive_with_the_next_sync() {
    const READY_AFTER: [i64; 5] = [1, 24, 7 * 24, 20 * 24, 30 * 24];
    let simulator = simulate(small(60)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let begun = Utc::now();
    let calls = some_done(&control, READY_AFTER.len());
    for call in &calls {
        set_status(&control, call, "INPROGRESS", begun);
    }
    sync_at(&workspace, begun);
    for (call, hours) in calls.iter().zip(READY_AFTER) {
        assert!(!has_details(&workspace, call), "{call} is on its way");
        let now = begun + TimeDelta::hours(hours);
        control.set_now(now);
        set_status(&control, call, "PROCESSED", now - TimeDelta::minutes(5));
        sync_at(&workspace, now);
        assert!(has_details(&workspace, call), "ready after {hours} hours");
    }
    assert_truth(&workspace, &control).await;
}

/// Within the overlap a clock that is wrong costs time, and no row.
#[tokio::test]
async fn a_clock_forty_minutes_off_loses_nothing() {
    for minutes in [-40, 40] {
        let simulator = simulate(small(60)).await;
        let control = simulator.control();
        let layout = Layout { more: "[streams.calls]\nrelist = \"1s\"\n".to_owned(), ..Layout::default() };
        let workspace = Workspace::new(&simulator.url(), layout);
        let skew = TimeDelta::minutes(minutes);
        sync_at(&workspace, Utc::now() + skew);
        let call = &some_done(&control, 1)[0];
        set_status(&control, call, "POST_PROCESSING_DONE", Utc::now());
        control.edit(Edit::Patch { id: call.clone(), merge: serde_json::json!({ "title": "late news" }) });
        // A clock that is slow has yet to reach the moment of the change.
        sync_at(&workspace, Utc::now() + skew + TimeDelta::minutes(if minutes < 0 { 41 } else { 0 }));
        assert_truth(&workspace, &control).await;
    }
}
