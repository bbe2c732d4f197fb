//! Generated workspaces: repeatable, plausible, of the promised size.

use std::collections::BTreeSet;

use clarion_simulator::{Options, Simulator};
use serde_json::Value;

use crate::client::{Bench, small};

async fn truth(options: Options) -> Vec<Value> {
    Bench::start(options).await.control.truth()
}

#[tokio::test]
async fn the_same_seed_and_moment_give_the_same_workspace() {
    let first = truth(small()).await;
    assert_eq!(first, truth(small()).await);
    assert_ne!(first, truth(Options { seed: 2, ..small() }).await);
}

#[tokio::test]
async fn every_speaker_can_be_resolved() {
    for call in truth(small()).await {
        let known: BTreeSet<u64> = ["users", "externalParticipants"]
            .iter()
            .flat_map(|list| call[list].as_array().unwrap())
            .map(|person| person["personId"].as_u64().unwrap())
            .collect();
        for turn in call["transcript"].as_array().into_iter().flatten() {
            assert!(known.contains(&turn["personId"].as_u64().unwrap()));
            assert!(turn["start"].as_f64() < turn["end"].as_f64());
        }
    }
}

#[tokio::test]
async fn a_call_of_200_turns_is_about_39_kilobytes() {
    let calls = truth(Options { calls: 200, turns: 200, ..small() }).await;
    let sizes: Vec<_> = calls
        .iter()
        .filter(|call| call["status"] == "POST_PROCESSING_DONE")
        .map(|call| call.to_string().len())
        .collect();
    let average = sizes.iter().sum::<usize>() / sizes.len();
    assert!((37_000..41_000).contains(&average), "{average}");
}

#[tokio::test]
async fn calls_lie_within_thirteen_months_and_some_fields_are_missing() {
    let calls = truth(Options { calls: 1000, ..small() }).await;
    let times: Vec<_> = calls.iter().map(|call| call["time"].as_str().unwrap()).collect();
    assert!(times.iter().all(|time| ("2025-10-10".."2026-11-22").contains(time)));
    assert!(times.iter().any(|time| *time > "2026-11-14") && times.iter().any(|time| *time < "2025-11-10"));
    assert!(times.iter().collect::<BTreeSet<_>>().len() < times.len(), "no tie");
    assert!(calls.iter().any(|call| call.get("title").is_none()));
    assert!(calls.iter().any(|call| call.get("title").is_some_and(Value::is_null)));
    assert!(
        calls.iter().all(|call| call["last_modified_time"].as_str().unwrap() <= "2026-11-13T16:20:00.000Z")
    );
    let ids: BTreeSet<_> = calls.iter().map(|call| call["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), calls.len());
}

#[tokio::test]
async fn a_workspace_may_be_empty() {
    let bench = Bench::start(Options { calls: 0, ..small() }).await;
    assert_eq!(bench.json("/calls").await["pagination"]["matched"], 0);
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let missing = Options { data: Some("/nonexistent".into()), ..small() };
    let error = Simulator::start(missing).await.unwrap_err().to_string();
    assert!(error.contains("/nonexistent"), "{error}");
    let bench = Bench::start(small()).await;
    let port = bench.simulator.url().rsplit(':').next().unwrap().parse().unwrap();
    let error = Simulator::start(Options { port, ..small() }).await.unwrap_err().to_string();
    assert!(error.contains(&port.to_string()), "{error}");
}

#[tokio::test]
async fn a_stopped_simulator_frees_its_port() {
    let bench = Bench::start(small()).await;
    let port = bench.simulator.url().rsplit(':').next().unwrap().parse().unwrap();
    bench.simulator.stop().await;
    let again = Bench::start(Options { port, ..small() }).await;
    assert_eq!(again.get("/users").await.status, 200);
}
