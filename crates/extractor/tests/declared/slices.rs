//! Lists that are longer than their offset reaches.

use std::collections::BTreeSet;
use std::sync::Arc;

use clarion_core::{Bindings, Declaration, Kind, ReadEnd, Silent, SystemClock, built_in};
use clarion_extractor::{Ask, ClariSource, Credentials, SourceSettings};
use clarion_simulator::{Options, Simulator};

use super::read;
use crate::support::{MemoryLedger, Wire, param, read_declared, time};

fn scorecards() -> Declaration {
    built_in().iter().find(|known| known.name.as_str() == "scorecards").unwrap().clone()
}

/// When each scorecard was filled in, in seconds since 1970; `None`: the server keeps no time of it.
type Times = Vec<Option<i64>>;

/// One page, as the vendor's contract has it: strict bounds, offsets of 10,000 at most, pages of 100 at most.
fn page(times: &Times, ask: &Ask) -> (u16, String) {
    let bound = |name| param(ask, name).map(|text| time(&text).timestamp());
    let (after, before) = (bound("filterTimeGt"), bound("filterTimeLt"));
    let number = |name| param(ask, name).map_or(0, |text| text.parse::<usize>().unwrap());
    let (skip, limit) = (number("skip"), number("limit"));
    if skip > 10_000 || limit > 100 {
        return (400, r#"{"errorMessage":"skip"}"#.to_owned());
    }
    let is_within = |time: &Option<i64>| match time {
        None => after.is_none() && before.is_none(),
        Some(time) => after.is_none_or(|after| *time > after) && before.is_none_or(|before| *time < before),
    };
    let matching: Vec<usize> = (0..times.len()).filter(|id| is_within(&times[*id])).collect();
    let sent: Vec<String> =
        matching.iter().skip(skip).take(limit).map(|id| format!(r#"{{"id":"s{id}"}}"#)).collect();
    let pagination =
        format!(r#"{{"matched":{},"hasMore":{}}}"#, matching.len(), skip + sent.len() < matching.len());
    (200, format!(r#"{{"scorecards":[{}],"pagination":{pagination}}}"#, sent.join(",")))
}

/// So many scorecards, one each ten minutes.
fn spread(count: i64) -> Times {
    (0..count).map(|number| Some(1_700_000_000 + number * 600)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_list_that_the_offset_does_not_reach_is_read_in_slices_of_time() {
    let times = spread(25_000);
    let wire = Wire::new(move |ask| page(&times, ask));
    let (end, keys) = read(wire.clone(), &scorecards()).await;
    assert_eq!((end.unwrap(), keys.len()), (ReadEnd::Complete, 25_000));
    let asked = wire.asked().len();
    assert!(asked < 280, "{asked} requests: little more than the pages themselves");
    assert_eq!(
        wire.asked()[0],
        "/scorecard?skip=0&limit=100",
        "a list that is short is asked for without bounds"
    );
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_time_is_a_hole_and_not_lost_silently() {
    crate::support::read_defects();
    let mut times = spread(12_000);
    times.push(None);
    let wire = Wire::new(move |ask| page(&times, ask));
    let error = read(wire.clone(), &scorecards()).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unproven);
    assert!(error.to_string().contains("12001"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn records_that_go_meanwhile_make_no_hole() {
    let mut times = spread(12_000);
    let mut answers = 0;
    let wire = Wire::new(move |ask| {
        answers += 1;
        if answers == 3 {
            times.truncate(11_990);
        }
        page(&times, ask)
    });
    let (end, keys) = read(wire, &scorecards()).await;
    assert_eq!((end.unwrap(), keys.len()), (ReadEnd::Complete, 11_990));
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_does_nothing_ends_as_a_hole() {
    let times = spread(12_000);
    let wire = Wire::new(move |ask| {
        let ask = Ask {
            params: ask.params.iter().filter(|(name, _)| !name.contains("Time")).cloned().collect(),
            ..ask.clone()
        };
        page(&times, &ask)
    });
    let error = read(wire.clone(), &scorecards()).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unproven);
    assert!(wire.asked().len() < 50, "{}", wire.asked().len());
}

#[tokio::test]
async fn slices_give_what_the_simulator_has() {
    let simulator =
        Simulator::start(Options { calls: 900, turns: 3, rate: 0, ..Options::default() }).await.unwrap();
    let settings =
        SourceSettings { base_url: simulator.url(), requests_per_second: 0.0, ..SourceSettings::default() };
    let source = ClariSource::new(
        settings,
        Credentials::new("demo", "demo"),
        Arc::new(MemoryLedger::default()),
        Arc::new(SystemClock),
        Arc::new(Silent),
    )
    .unwrap();
    // The bound is the declaration's: a low one makes slices of a few.
    let stream = Declaration { max_skip: 12, page_size: 5, ..scorecards() };
    let (end, records) = read_declared(&source, &stream, &Bindings::default()).await.unwrap();
    let given: BTreeSet<&str> = records.iter().map(|record| record.key.as_str()).collect();
    let truth = simulator.control().collection("scorecards");
    let truth: BTreeSet<&str> = truth.iter().map(|card| card["id"].as_str().unwrap()).collect();
    assert!(truth.len() > 40, "{}", truth.len());
    assert_eq!((end, given), (ReadEnd::Complete, truth));
    simulator.stop().await;
}

/// The defect is global to a process, so the test runs in one of its own.
#[cfg(feature = "failpoints")]
#[test]
fn slices_that_are_taken_for_all_are_caught() {
    super::assert_defect_is_caught(
        "extractor.slices_are_all",
        "declared::slices::a_record_without_a_time_is_a_hole_and_not_lost_silently",
    );
}
