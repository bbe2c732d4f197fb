//! `clarion verify`: agrees where all is well, and names whatever is not.

mod journal;
mod kept;
mod lake;
mod source;
mod warehouse;

use clarion_simulator::Simulator;
use serde_json::Value;

use crate::harness::{Layout, Ran, Workspace, simulate, small};

/// More than there are: every record is compared whole.
const ALL: &str = "1000";

async fn scene(calls: usize) -> (Simulator, Workspace) {
    let simulator = simulate(small(calls)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    (simulator, workspace)
}

fn verify(workspace: &Workspace) -> Ran {
    workspace.run(&["verify", "--sample", ALL])
}

/// Everything found, as `PLACE WHAT KIND KEY DETAIL`.
fn findings(ran: &Ran) -> Vec<String> {
    let checks = ran.json["checks"].as_array().expect("a list of checks");
    let mut found = Vec::new();
    for check in checks {
        for named in check["named"].as_array().expect("a list of differences") {
            let parts = [&check["place"], &check["what"], &named["kind"], &named["key"], &named["detail"]];
            let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_str()).collect();
            found.push(parts.join(" "));
        }
    }
    found
}

/// Verifies, expects an end with this code, and that each of these is found.
#[track_caller]
fn assert_found(workspace: &Workspace, code: i32, wanted: &[&str]) -> Ran {
    let ran = verify(workspace).expect(code);
    let found = findings(&ran);
    for wanted in wanted {
        assert!(
            found.iter().any(|found| found.starts_with(wanted)),
            "no {wanted:?} in\n{}",
            found.join("\n")
        );
    }
    ran
}

fn count(ran: &Ran, kind: &str) -> u64 {
    let checks = ran.json["checks"].as_array().expect("a list of checks");
    checks.iter().filter_map(|check| check[kind].as_u64()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_untouched_workspace_agrees_and_its_cost_is_booked_under_verify() {
    let (simulator, workspace) = scene(40).await;
    let control = simulator.control();
    control.reset_log();
    let ran = verify(&workspace).expect(0);
    assert_eq!(ran.json["agrees"], Value::Bool(true), "{}", ran.stdout);
    assert_eq!(findings(&ran), Vec::<String>::new());
    assert_eq!(ran.number("/requests"), control.count());
    let status = workspace.run(&["status"]).expect(0);
    assert_eq!(status.number("/quota/by_purpose/verify"), control.count());
    let places: Vec<&str> =
        ran.json["checks"].as_array().unwrap().iter().filter_map(|check| check["place"].as_str()).collect();
    for place in ["source", "journal"].into_iter().chain(workspace.destinations()) {
        assert!(places.contains(&place), "{place} was not looked at");
    }
    assert!(count(&ran, "compared") > 1_000, "the rows of all tables were looked at");
    let text = workspace.run_plain(&["verify"]).expect(0).stdout;
    assert!(text.contains("source, journal and destinations agree"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_bounds_what_it_costs() {
    let (simulator, workspace) = scene(200).await;
    simulator.control().reset_log();
    workspace.run(&["verify", "--sample", "5"]).expect(0);
    assert_eq!(simulator.control().count_of("/call-details"), 5);
    assert!(simulator.control().count() < 5 + 30, "{}", simulator.control().count());
    workspace.run(&["verify", "--sample", "0"]).expect(0);
    assert_eq!(simulator.control().count_of("/call-details"), 5);
}
