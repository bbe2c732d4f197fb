//! Listing while calls come, go and move: nothing that was left alone may be missed.

use std::collections::BTreeSet;

use clarion_core::{Kind, Window, from_millis};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::support::{Call, Rig, Vendor, World, by_time, ids, modified};

/// What happens before a request, to the call that the number picks.
#[derive(Debug, Clone)]
enum Edit {
    Nothing,
    Insert(i64),
    Delete(usize),
    Reschedule(usize, i64),
    Status(usize),
    LoseTime(usize),
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    let place = 0..60_i64;
    let edit = prop_oneof![
        4 => Just(Edit::Nothing),
        1 => place.clone().prop_map(Edit::Insert),
        2 => any::<usize>().prop_map(Edit::Delete),
        1 => (any::<usize>(), place).prop_map(|(call, to)| Edit::Reschedule(call, to)),
        1 => any::<usize>().prop_map(Edit::Status),
        1 => any::<usize>().prop_map(Edit::LoseTime),
    ];
    prop::collection::vec(edit, 0..12)
}

/// Times in few places, so that ties are common; `None` has no time.
fn times() -> impl Strategy<Value = Vec<Option<i64>>> {
    let place = prop_oneof![12 => (0..60_i64).prop_map(Some), 6 => Just(Some(7)), 1 => Just(None)];
    prop::collection::vec(place, 0..200)
}

fn apply(world: &mut World, edit: &Edit, number: usize, touched: &mut BTreeSet<String>) {
    let count = world.calls.len();
    match *edit {
        Edit::Nothing => {}
        Edit::Insert(place) => {
            let call = Call::at(format!("new{number}"), place * 1000);
            touched.insert(call.id.clone());
            // Where among its equals it sorts is not promised.
            world.calls.insert(count / 2, call);
        }
        _ if count == 0 => {}
        Edit::Delete(call) => drop(touched.insert(world.calls.remove(call % count).id)),
        Edit::Reschedule(call, place) => {
            let call = &mut world.calls[call % count];
            call.time = Call::at("", place * 1000).time;
            touched.insert(call.id.clone());
        }
        Edit::Status(call) => {
            let call = &mut world.calls[call % count];
            // Out of the window, as a change of status after its start is.
            call.modified = from_millis(4_000_000_000_000);
            touched.insert(call.id.clone());
        }
        Edit::LoseTime(call) => {
            let call = &mut world.calls[call % count];
            call.time = None;
            touched.insert(call.id.clone());
        }
    }
}

type Case = (Vec<Option<i64>>, Vec<Edit>, usize, bool);

fn nothing_untouched_is_missed((times, edits, page, timeless_last): Case) -> Result<(), TestCaseError> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        for window in [by_time(), modified()] {
            one_window(&window, &times, edits.clone(), page, timeless_last).await?;
        }
        Ok(())
    })
}

async fn one_window(
    window: &Window,
    times: &[Option<i64>],
    edits: Vec<Edit>,
    page: usize,
    timeless_last: bool,
) -> Result<(), TestCaseError> {
    let call = |(number, place): (usize, &Option<i64>)| match place {
        Some(place) => Call::at(format!("c{number:03}"), place * 1000),
        None => Call::new(format!("c{number:03}"), None),
    };
    let calls: Vec<Call> = times.iter().enumerate().map(call).collect();
    let by_time = matches!(window, Window::ByTime { .. });
    let mut expected: BTreeSet<String> =
        calls.iter().filter(|call| !by_time || call.time.is_some()).map(|call| call.id.clone()).collect();
    let vendor = Vendor::of(calls);
    vendor.world().timeless_last = timeless_last;
    // A small page makes many of them.
    vendor.world().most_rows = Some(page);
    let touched = std::sync::Arc::new(std::sync::Mutex::new(BTreeSet::new()));
    let shared = touched.clone();
    let mut number = 0;
    vendor.before_each(move |world, _| {
        if let Some(edit) = edits.get(number) {
            apply(world, edit, number, &mut shared.lock().unwrap());
        }
        number += 1;
    });
    let rig = Rig::new(vendor.clone(), 0.0);
    let (listed, records) = rig.list(window.clone(), 0).await;
    match listed {
        Ok(_) => {
            expected.retain(|id| !touched.lock().unwrap().contains(id));
            let given: BTreeSet<String> = ids(&records).into_iter().collect();
            let missed: Vec<_> = expected.difference(&given).collect();
            prop_assert!(missed.is_empty(), "missed {missed:?}");
        }
        Err(error) => prop_assert!(matches!(error.kind(), Kind::Unproven | Kind::Protocol), "{error}"),
    }
    // The edits are over: one more listing is the truth.
    vendor.before_each(|_, _| {});
    let (listed, records) = rig.list(window.clone(), 0).await;
    let in_window = |call: &&Call| {
        if by_time { call.time.is_some() } else { call.modified < from_millis(1_893_456_000_000) }
    };
    let truth: Vec<String> =
        vendor.world().calls.iter().filter(in_window).map(|call| call.id.clone()).collect();
    let truth: BTreeSet<String> = truth.into_iter().collect();
    prop_assert!(listed.is_ok(), "{listed:?}");
    prop_assert_eq!(ids(&records).into_iter().collect::<BTreeSet<_>>(), truth);
    Ok(())
}

/// Enough that a bound moved without overlap is caught every time.
const CASES: u32 = 150;

#[test]
fn no_untouched_call_is_missed_whatever_happens_between_pages() {
    // Reads the environment: the test below runs this one with a defect.
    crate::support::read_defects();
    // Pages of one row have no room for an overlap within a tie, and are left out.
    let strategy = (times(), edits(), prop_oneof![3..12_usize, Just(30), Just(100)], any::<bool>());
    let config =
        Config { cases: CASES, failure_persistence: None, max_shrink_iters: 100, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(&strategy, nothing_untouched_is_missed).unwrap();
}

/// The defect is global to a process, so the property runs in one of its own.
#[cfg(feature = "failpoints")]
#[test]
fn a_bound_that_moves_without_overlap_is_caught() {
    let property = "property::no_untouched_call_is_missed_whatever_happens_between_pages";
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", property])
        .env("FAILPOINTS", "extractor.no_overlap=return")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("1 failed"), "the defect went unnoticed: {text}");
}
