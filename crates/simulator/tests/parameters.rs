//! What is refused with 400, 401, 404 and 405, in words.

use crate::client::{Bench, small};

const BAD: [&str; 26] = [
    "/calls?skip=10001",
    "/calls?skip=-1",
    "/calls?skip=x",
    "/calls?limit=0",
    "/calls?limit=101",
    "/calls?limit=2.5",
    "/calls?filterTimeGt=yesterday",
    "/calls?filterTimeLt=2026-01-01",
    "/calls?filterModifiedGt=2026-13-01T00:00:00Z",
    "/calls?filterModifiedLt=2026-01-01T00:00:00+0000",
    "/calls?filterDurationGt=1.5",
    "/calls?filterDurationLt=7201",
    "/calls?filterStatus=DONE",
    "/calls?filterStatus=PROCESSED&filterStatus=processed",
    "/calls?filterType=PHONE",
    "/calls?sortTime=up",
    "/calls?sortProcessed=ASC",
    "/calls?includePrivate=yes",
    "/calls?includeAudio=1",
    "/calls?includePagination=no",
    "/call-details",
    "/call-details?id=",
    "/scorecard?limit=101",
    "/v2/topics?filterModifiedGt=now",
    "/stats?from=2026-01-01",
    "/stats/aggregate?from=2026-1-1&to=2026-01-02",
];

const GOOD: [&str; 8] = [
    "/calls?skip=10000&limit=100",
    "/calls?filterTimeGt=2026-01-01T00:00:00Z&filterTimeLt=2026-01-01T00:00:00.123456%2B05:30",
    "/calls?filterModifiedGt=2026-01-01T00:00:00%2B0000",
    "/calls?filterDurationGt=0&filterDurationLt=7200",
    "/calls?includePrivate=0",
    "/calls?includePrivate=1",
    "/calls?somethingUnknown=1",
    "/stats?from=2026-01-01&to=2026-01-01",
];

#[tokio::test]
async fn a_bad_parameter_is_named() {
    let bench = Bench::start(small()).await;
    for target in BAD {
        let reply = bench.get(target).await;
        assert_eq!(reply.status, 400, "{target}");
        let message = reply.json()["errorMessage"].as_str().unwrap().to_owned();
        let query = target.split_once('?').map_or("id", |(_, query)| query);
        let names = ["to".to_owned(), query.split('=').next().unwrap().to_owned()];
        assert!(names.iter().any(|name| message.contains(name.as_str())), "{target}: {message}");
    }
}

#[tokio::test]
async fn the_limits_of_parameters_are_inside() {
    let bench = Bench::start(small()).await;
    for target in GOOD {
        assert_eq!(bench.get(target).await.status, 200, "{target}");
    }
}

#[tokio::test]
async fn both_headers_are_needed_and_both_must_be_right() {
    let bench = Bench::start(small()).await;
    let attempts: [&[(&str, &str)]; 4] = [
        &[],
        &[("X-Api-Key", "demo")],
        &[("X-Api-Password", "demo")],
        &[("X-Api-Key", "demo"), ("X-Api-Password", "wrong")],
    ];
    for headers in attempts {
        let reply = bench.send("GET", "/users", headers, "").await.unwrap();
        assert_eq!(reply.status, 401);
        assert!(reply.json()["errorMessage"].is_string());
    }
    assert_eq!((bench.control.count(), bench.control.quota_used()), (4, 0));
    let lower = [("x-api-key", "demo"), ("x-api-password", "demo")];
    assert_eq!(bench.send("GET", "/users", &lower, "").await.unwrap().status, 200);
}

#[tokio::test]
async fn unknown_things_are_not_found_and_nothing_can_be_written() {
    let bench = Bench::start(small()).await;
    for target in ["/call-details?id=nobody", "/get-account?id=nobody", "/get-deal?id=x", "/nowhere"] {
        assert_eq!(bench.get(target).await.status, 404, "{target}");
    }
    let reply = bench.send("POST", "/calls", crate::client::CREDENTIALS, "").await.unwrap();
    assert_eq!(reply.status, 405);
}
