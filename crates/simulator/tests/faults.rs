//! Each fault as a client meets it.

use std::io::Read;

use clarion_simulator::Options;

use crate::client::{Bench, CREDENTIALS, small};

async fn with(faults: &str) -> Bench {
    Bench::start(Options { faults: Some(faults.to_owned()), ..small() }).await
}

#[tokio::test]
async fn statuses_come_as_named() {
    let bench = with("429#1,500#2,502#3,503#4,504#5,404@/teams").await;
    for expected in [429, 500, 502, 503, 504, 200] {
        let reply = bench.get("/users").await;
        assert_eq!(reply.status, expected);
        assert!(reply.is_complete());
        assert!(!reply.headers.contains_key("retry-after"));
    }
    assert_eq!(bench.get("/teams").await.status, 404);
    assert_eq!(bench.control.faults_fired().len(), 6);
    let log = bench.control.requests();
    assert_eq!(log[1].fault.as_deref(), Some("500"));
    assert_eq!((log[1].number, log[1].status, log[1].path.as_str()), (2, 500, "/users"));
    assert_eq!(bench.control.count_of("/users"), 6);
}

#[tokio::test]
async fn html_comes_with_a_good_status() {
    let bench = with("html").await;
    let reply = bench.get("/users").await;
    assert_eq!((reply.status, reply.headers["content-type"].as_str()), (200, "text/html"));
    assert!(reply.body.starts_with(b"<html>"));
}

#[tokio::test]
async fn truncated_json_has_the_length_of_what_is_left() {
    let bench = with("truncate#1").await;
    let cut = bench.get("/users").await;
    let whole = bench.get("/users").await;
    assert!(cut.is_complete());
    assert_eq!(cut.body, whole.body[..whole.body.len() / 2]);
    assert!(serde_json::from_slice::<serde_json::Value>(&cut.body).is_err());
}

#[tokio::test]
async fn a_reset_ends_within_the_body() {
    let bench = with("reset#1").await;
    let torn = bench.send("GET", "/users", CREDENTIALS, "").await.unwrap();
    assert_eq!(torn.status, 200);
    assert!(!torn.is_complete() && !torn.body.is_empty());
    assert!(bench.get("/users").await.is_complete());
}

#[tokio::test]
async fn a_slow_body_takes_its_time_and_is_whole() {
    let bench = with("slow#1").await;
    let start = std::time::Instant::now();
    let slow = bench.get("/users").await;
    assert!(start.elapsed().as_millis() >= 250);
    assert_eq!(slow.body, bench.get("/users").await.body);
}

#[tokio::test]
async fn faults_are_set_and_ended_while_serving() {
    let bench = Bench::start(small()).await;
    bench.control.set_faults("503@/users#2").unwrap();
    let mut statuses = Vec::new();
    for target in ["/users", "/topics", "/users", "/users"] {
        statuses.push(bench.get(target).await.status);
    }
    assert_eq!(statuses, [200, 200, 503, 200]);
    assert!(bench.control.set_faults("often").is_err());
    bench.control.set_faults("500").unwrap();
    assert_eq!(bench.get("/users").await.status, 500);
    bench.control.set_faults("").unwrap();
    assert_eq!(bench.get("/users").await.status, 200);
}

#[tokio::test]
async fn details_of_chosen_calls_fail_as_often_as_told() {
    let bench = Bench::start(small()).await;
    let ids = bench.control.call_ids();
    let (bad, good) = (format!("/call-details?id={}", ids[0]), format!("/call-details?id={}", ids[1]));
    bench.control.fail_details([ids[0].clone()], 502, 2);
    let mut statuses = Vec::new();
    for target in [&bad, &good, &bad, &bad] {
        statuses.push(bench.get(target).await.status);
    }
    assert_eq!(statuses, [502, 200, 502, 200]);
}

#[tokio::test]
async fn gzip_is_used_for_those_who_take_it_and_if_switched_on() {
    let accept = [CREDENTIALS, &[("Accept-Encoding", "gzip, br")]].concat();
    let plain = Bench::start(small()).await;
    let reply = plain.send("GET", "/users", &accept, "").await.unwrap();
    assert!(!reply.headers.contains_key("content-encoding"));
    let bench = Bench::start(Options { gzip: true, ..small() }).await;
    assert!(!bench.get("/users").await.headers.contains_key("content-encoding"));
    let packed = bench.send("GET", "/users", &accept, "").await.unwrap();
    assert_eq!(packed.headers["content-encoding"], "gzip");
    let mut body = Vec::new();
    flate2::read::GzDecoder::new(packed.body.as_slice()).read_to_end(&mut body).unwrap();
    assert_eq!(body, reply.body);
}
