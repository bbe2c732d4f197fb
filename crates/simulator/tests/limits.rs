//! Requests a second and a week, and the size of an answer.

use clarion_simulator::{Options, Quirks};

use crate::client::{Bench, small};

#[tokio::test]
async fn too_many_requests_in_a_second_are_refused_without_a_hint() {
    let bench = Bench::start(Options { rate: 1, ..small() }).await;
    let mut refused = Vec::new();
    for _ in 0..5 {
        let reply = bench.get("/users").await;
        if reply.status == 429 {
            refused.push(reply);
        }
    }
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|reply| reply.body.is_empty() && !reply.headers.contains_key("retry-after")));
    assert_eq!(bench.control.refused(), refused.len() as u64);
    assert_eq!((bench.control.count(), bench.control.quota_used()), (5, 5));
}

#[tokio::test]
async fn the_weekly_quota_refuses_until_sunday() {
    let bench = Bench::start(Options { weekly_quota: 3, ..small() }).await;
    bench.control.set_now("2026-11-14T12:00:00Z".parse().unwrap());
    for expected in [200, 200, 200, 429, 429] {
        assert_eq!(bench.get("/users").await.status, expected);
    }
    assert_eq!(bench.control.quota_used(), 5);
    bench.control.set_now("2026-11-15T00:00:00Z".parse().unwrap());
    assert_eq!(bench.get("/users").await.status, 200);
    assert_eq!(bench.control.quota_used(), 1);
}

#[tokio::test]
async fn retry_after_comes_only_as_a_quirk() {
    let quirks = Quirks { retry_after: Some(7), ..Quirks::default() };
    let bench = Bench::start(Options { faults: Some("429#1".to_owned()), quirks, ..small() }).await;
    let reply = bench.get("/users").await;
    assert_eq!((reply.status, reply.headers["retry-after"].as_str()), (429, "7"));
}

#[tokio::test]
async fn an_answer_over_the_cap_is_a_bad_gateway_until_the_page_is_small_enough() {
    let bench = Bench::start(Options { page_cap_bytes: 40_000, ..small() }).await;
    let large = bench.get("/calls?limit=60&includePrivate=true").await;
    assert_eq!(large.status, 502);
    assert!(large.headers["content-type"].starts_with("text/html"));
    assert_eq!(bench.get("/calls?limit=5").await.status, 200);
}

#[tokio::test]
async fn one_call_of_more_than_six_megabytes_cannot_be_read() {
    let bench = Bench::start(Options { calls: 1, turns: 40_000, ..small() }).await;
    let id = bench.control.call_ids().remove(0);
    let status = "POST_PROCESSING_DONE".to_owned();
    let at = "2026-11-13T00:00:00Z".parse().unwrap();
    bench.control.edit(clarion_simulator::Edit::SetStatus { id: id.clone(), status, at });
    assert_eq!(bench.get(&format!("/call-details?id={id}")).await.status, 502);
}
