//! What a later sync costs, and what it changes.

mod changed;
mod late;
mod schema;
mod unchanged;

use chrono::{DateTime, TimeDelta, Utc};
use clarion_simulator::Control;
use serde_json::Value;

/// The default of `streams.calls.relist`.
const RELIST: TimeDelta = TimeDelta::days(14);

/// Calls within the relist window, those to come included: the `n` of the bound on a sync's requests.
fn recent(control: &Control, relist: TimeDelta) -> Vec<Value> {
    let from = Utc::now() - relist;
    let calls = control.truth().into_iter();
    calls.filter(|call| time(call).is_some_and(|time| time > from)).collect()
}

/// Requests that a sync with nothing new may cost.
fn idle_bound(control: &Control, relist: TimeDelta) -> u64 {
    6 + 2 * (recent(control, relist).len() as u64).div_ceil(99)
}

/// Requests that `changed` calls may add.
fn added_bound(changed: u64) -> u64 {
    changed + 2 * changed.div_ceil(99) + 2
}

fn time(call: &Value) -> Option<DateTime<Utc>> {
    call["time"].as_str().map(|time| time.parse().expect("the simulator writes times"))
}

fn id(call: &Value) -> String {
    call["id"].as_str().expect("a call has an id").to_owned()
}

/// Whether the vendor is done with a call, so that it has details.
fn is_done(call: &Value) -> bool {
    call["status"] == "POST_PROCESSING_DONE"
}
