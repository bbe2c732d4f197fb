//! Filters, order and pages of `/calls`.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use clarion_simulator::{Edit, Quirks};
use serde_json::{Value, json};

use crate::client::{Bench, small};

const ALL: &str = "/calls?limit=100&includePrivate=true";

#[tokio::test]
async fn time_bounds_are_strict_on_both_sides() {
    let bench = Bench::start(small()).await;
    for (field, stem) in [("time", "filterTime"), ("last_modified_time", "filterModified")] {
        let calls = bench.json(ALL).await["calls"].as_array().unwrap().clone();
        let mut times: Vec<_> = calls.iter().map(|call| call[field].as_str().unwrap().to_owned()).collect();
        times.sort();
        let (low, high) = (&times[10], &times[40]);
        let expected: BTreeSet<_> = calls
            .iter()
            .filter(|call| {
                call[field].as_str().unwrap() > low.as_str() && call[field].as_str().unwrap() < high.as_str()
            })
            .map(|call| call["id"].as_str().unwrap().to_owned())
            .collect();
        let listed = bench.ids(&format!("{ALL}&{stem}Gt={low}&{stem}Lt={high}")).await;
        assert!(!expected.is_empty());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected, "{stem}");
    }
}

#[tokio::test]
async fn durations_are_strict_and_a_call_without_one_is_outside() {
    let bench = Bench::start(small()).await;
    let duration = |call: &Value| call["metrics"]["call_duration"].as_u64();
    let calls = bench.json(ALL).await["calls"].as_array().unwrap().clone();
    let some = calls.iter().find_map(duration).unwrap();
    let above = bench.json(&format!("{ALL}&filterDurationGt={some}")).await;
    let below = bench.json(&format!("{ALL}&filterDurationLt={some}")).await;
    assert!(above["calls"].as_array().unwrap().iter().all(|call| duration(call) > Some(some)));
    assert!(below["calls"].as_array().unwrap().iter().all(|call| duration(call).is_some_and(|d| d < some)));
    let known = calls.iter().filter(|call| duration(call).is_some()).count();
    let equal = calls.iter().filter(|call| duration(call) == Some(some)).count();
    let matched = |page: &Value| page["pagination"]["matched"].as_u64().unwrap() as usize;
    assert_eq!(matched(&above) + matched(&below) + equal, known);
}

#[tokio::test]
async fn values_of_one_filter_are_alternatives_and_filters_add_up() {
    let bench = Bench::start(small()).await;
    let calls = bench.json(ALL).await["calls"].as_array().unwrap().clone();
    let first = &calls[0];
    let source = calls.iter().find_map(|call| call["source_id"].as_str()).unwrap();
    let user = first["users"][0]["userEmail"].as_str().unwrap();
    let guest = first["externalParticipants"][0]["email"].as_str().unwrap();
    let cases = [
        (
            "filterStatus=SCHEDULED&filterStatus=POST_PROCESSING_DONE".to_owned(),
            count(&calls, |call| call["status"] == "SCHEDULED" || call["status"] == "POST_PROCESSING_DONE"),
        ),
        (
            "filterType=ZOOM&filterType=DIALPAD".to_owned(),
            count(&calls, |call| call["type"] == "ZOOM" || call["type"] == "DIALPAD"),
        ),
        (format!("filterSourceId={source}&filterSourceId=none"), 1),
        (format!("filterUser={user}"), count(&calls, |call| mentions(&call["users"], "userEmail", user))),
        (
            format!("filterAttendees={guest}"),
            count(&calls, |call| mentions(&call["externalParticipants"], "email", guest)),
        ),
        (
            "filterTopics=Pricing".to_owned(),
            count(&calls, |call| mentions(&call["metrics"]["categories"], "name", "Pricing")),
        ),
        (format!("filterUser={user}&filterSourceId=none"), 0),
    ];
    for (filter, expected) in cases {
        let page = bench.json(&format!("{ALL}&{filter}")).await;
        assert_eq!(page["pagination"]["matched"], expected, "{filter}");
    }
}

#[tokio::test]
async fn sorting_is_by_time_and_stable_and_paging_covers_everything_once() {
    let bench = Bench::start(small()).await;
    let tied: DateTime<Utc> = "2026-05-05T10:00:00Z".parse().unwrap();
    for id in bench.control.call_ids().iter().take(12) {
        assert!(bench.control.edit(Edit::Reschedule { id: id.clone(), time: tied }));
    }
    for direction in ["asc", "desc"] {
        let whole =
            bench.json(&format!("{ALL}&sortTime={direction}")).await["calls"].as_array().unwrap().clone();
        let times: Vec<_> = whole.iter().map(|call| call["time"].as_str().unwrap()).collect();
        let sorted = times.is_sorted_by(|a, b| if direction == "asc" { a <= b } else { a >= b });
        assert!(sorted, "{direction}");
        let mut paged = Vec::new();
        for skip in (0..60).step_by(7) {
            let target = format!("/calls?includePrivate=true&sortTime={direction}&limit=7&skip={skip}");
            paged.extend(bench.ids(&target).await);
        }
        let ids: Vec<_> = whole.iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(paged, ids);
    }
    let modified = bench.json(&format!("{ALL}&sortProcessed=asc")).await;
    let calls = modified["calls"].as_array().unwrap();
    assert!(calls.is_sorted_by_key(|call| call["last_modified_time"].as_str().unwrap()));
    assert_eq!(bench.ids(ALL).await, bench.ids(ALL).await);
    assert_ne!(bench.ids(ALL).await, bench.control.call_ids());
}

#[tokio::test]
async fn private_calls_are_left_out_unless_asked_for() {
    let bench = Bench::start(small()).await;
    let private = bench.control.private_ids();
    assert!(!private.is_empty());
    let public: BTreeSet<_> = bench.ids("/calls?limit=100").await.into_iter().collect();
    let all: BTreeSet<_> = bench.ids(ALL).await.into_iter().collect();
    assert_eq!(all.difference(&public).cloned().collect::<BTreeSet<_>>(), private);
    let hidden = private.first().unwrap();
    assert!(bench.control.is_private(hidden));
    assert_eq!(bench.get(&format!("/call-details?id={hidden}")).await.status, 200);
}

#[tokio::test]
async fn pages_say_what_matched_and_what_comes_next() {
    let bench = Bench::start(small()).await;
    let page = bench.json("/calls?includePrivate=true").await;
    assert_eq!(page["calls"].as_array().unwrap().len(), 25);
    assert_eq!(page["pagination"], json!({"matched": 60, "hasMore": true, "nextPageSkip": 25}));
    let last = bench.json("/calls?includePrivate=true&skip=50&limit=10").await;
    assert_eq!(last["pagination"], json!({"matched": 60, "hasMore": false}));
    let beyond = bench.json("/calls?includePrivate=true&skip=70").await;
    assert_eq!(beyond, json!({"calls": [], "pagination": {"matched": 60, "hasMore": false}}));
    assert!(bench.json("/calls?includePagination=false").await.get("pagination").is_none());
}

#[tokio::test]
async fn a_call_without_a_time_is_invisible_under_any_time_bound() {
    let bench = Bench::start(small()).await;
    let id = bench.control.call_ids().remove(0);
    bench.control.edit(Edit::SetPrivate { id: id.clone(), private: false });
    bench.control.edit(Edit::Patch { id: id.clone(), merge: json!({"time": null}) });
    assert!(bench.ids("/calls?limit=100").await.contains(&id));
    assert!(!bench.ids("/calls?limit=100&filterTimeGt=1970-01-01T00:00:00Z").await.contains(&id));
    assert!(!bench.ids("/calls?limit=100&filterTimeLt=2100-01-01T00:00:00Z").await.contains(&id));
}

#[tokio::test]
async fn quirks_make_the_server_wrong() {
    let bench = Bench::start(small()).await;
    bench.control.set_quirks(Quirks {
        ignore_skip: true,
        matched_delta: -10,
        unsorted: true,
        ..Quirks::default()
    });
    let first = bench.ids("/calls?sortTime=asc").await;
    assert_eq!(first, bench.ids("/calls?sortTime=asc&skip=25&filterTimeGt=2100-01-01T00:00:00Z").await);
    let honest = 60 - bench.control.private_ids().len();
    assert_eq!(bench.json("/calls").await["pagination"]["matched"], honest - 10);
    bench.control.set_quirks(Quirks { pretty_json: true, ..Quirks::default() });
    let pretty = bench.get("/calls?limit=2").await;
    bench.control.set_quirks(Quirks::default());
    let plain = bench.get("/calls?limit=2").await;
    assert!(pretty.body.iter().filter(|byte| **byte == b'\n').count() > 50);
    assert_eq!(pretty.json(), plain.json());
}

fn count(calls: &[Value], holds: impl Fn(&Value) -> bool) -> usize {
    calls.iter().filter(|call| holds(call)).count()
}

fn mentions(list: &Value, field: &str, text: &str) -> bool {
    list.as_array().is_some_and(|items| items.iter().any(|item| item[field] == text))
}
