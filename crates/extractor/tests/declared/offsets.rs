//! Paging by offset: complete or an error, whatever happens to the list meanwhile.

use std::sync::{Arc, Mutex};

use clarion_core::{Bindings, Declaration, Kind, Paging, ReadEnd};
use clarion_extractor::Ask;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{keys, list, numbers, people, read};
use crate::support::{Rig, Wire, param, read_declared};

fn by_offset() -> Declaration {
    Declaration { paging: Paging::Skip, ..people() }
}

fn number(ask: &Ask, name: &str) -> usize {
    param(ask, name).map_or(0, |text| text.parse().unwrap())
}

/// What the server says beside the records.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Says {
    All,
    More,
    Nothing,
}

/// One page of `rows`, as the vendor would send it.
fn page(rows: &[u32], ask: &Ask, says: Says) -> (u16, String) {
    let (skip, limit) = (number(ask, "skip"), number(ask, "limit"));
    let sent = list(rows.iter().copied().skip(skip).take(limit));
    let more = rows.len() > skip + limit;
    let pagination = match says {
        Says::All => format!(r#","pagination":{{"matched":{},"hasMore":{more}}}"#, rows.len()),
        Says::More => format!(r#","pagination":{{"hasMore":{more}}}"#),
        Says::Nothing => String::new(),
    };
    (200, format!(r#"{{"people":{sent}{pagination}}}"#))
}

#[tokio::test(start_paused = true)]
async fn every_record_is_read_whatever_the_server_says_of_how_many_there_are() {
    for says in [Says::All, Says::More, Says::Nothing] {
        for count in [0, 1, 2, 3, 4, 5, 6, 7, 30] {
            let rows: Vec<u32> = (0..count).collect();
            let wire = Wire::new(move |ask| page(&rows, ask, says));
            let (end, keys) = read(wire, &by_offset()).await;
            assert_eq!(end.unwrap(), ReadEnd::Complete);
            assert_eq!(keys, numbers(0..count), "{count} {says:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_filter_leaves_out_records_and_no_pages() {
    for says in [Says::All, Says::More, Says::Nothing] {
        let rows: Vec<u32> = (0..40).collect();
        let wire = Wire::new(move |ask| page(&rows, ask, says));
        let stream = Declaration { records: "$.people[?@.id >= 31]".to_owned(), ..by_offset() };
        let (end, keys) = read(wire, &stream).await;
        assert_eq!(end.unwrap(), ReadEnd::Complete, "{says:?}");
        assert_eq!(keys, numbers(31..40), "{says:?}");
    }
    // Offsets count the items of one list: deeper records cannot be paged by them.
    for records in ["$.people[*].friends[*]", "$..people", "$.people[1:]"] {
        let nested = Declaration { records: records.to_owned(), ..by_offset() };
        assert_eq!(clarion_extractor::check(&nested).unwrap_err().kind(), Kind::Config);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_overlap_by_a_row_and_names_of_parameters_are_as_declared() {
    let rows: Vec<u32> = (0..7).collect();
    let wire = Wire::new(move |ask| page(&rows, ask, Says::All));
    read(wire.clone(), &by_offset()).await.0.unwrap();
    assert_eq!(wire.asked(), ["/people?skip=0&limit=3", "/people?skip=2&limit=3", "/people?skip=4&limit=3"]);

    let named = Declaration { skip_param: "offset".into(), limit_param: "count".into(), ..by_offset() };
    let params = [("count".to_owned(), "99".to_owned()), ("sort".to_owned(), "id".to_owned())].into();
    let wire = Wire::new(|_| (200, r#"{"people":[]}"#.to_owned()));
    read(wire.clone(), &Declaration { params, ..named }).await.0.unwrap();
    assert_eq!(wire.asked(), ["/people?sort=id&offset=0&count=3"], "paging's own parameters win");
}

/// Takes a row from the front after the first page: a naive reader never sees the row that slips past.
#[tokio::test(start_paused = true)]
async fn a_row_that_goes_while_the_list_is_read_makes_no_other_row_slip_past() {
    let rows = Mutex::new((0..9).collect::<Vec<u32>>());
    let mut answers = 0;
    let wire = Wire::new(move |ask| {
        let mut rows = rows.lock().unwrap();
        if answers == 1 {
            rows.drain(..2);
        }
        answers += 1;
        page(&rows, ask, Says::Nothing)
    });
    let (end, keys) = read(wire, &by_offset()).await;
    assert_eq!(end.unwrap(), ReadEnd::Complete);
    assert_eq!(keys, numbers(0..9), "all that stayed, and what had been seen");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_keeps_shifting_is_a_hole_and_no_success() {
    let mut first = 0;
    let wire = Wire::new(move |ask| {
        first += 5;
        page(&(first..first + 30).collect::<Vec<u32>>(), ask, Says::Nothing)
    });
    let (end, _) = read(wire.clone(), &by_offset()).await;
    let error = end.unwrap_err();
    assert_eq!(error.kind(), Kind::Unproven);
    assert!(error.to_string().contains("people") && error.to_string().contains("shifting"), "{error}");
    assert!(wire.asked().len() < 20, "it does not go on for ever");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ignores_the_offset_is_found_out() {
    for says in [r#","pagination":{"matched":9}"#, ""] {
        for rows in [list(0..3), list(0..2), list(0..1)] {
            let body = format!(r#"{{"people":{rows}{says}}}"#);
            let (end, _) = read(Wire::new(move |_| (200, body.clone())), &by_offset()).await;
            assert_eq!(end.unwrap_err().kind(), Kind::Protocol, "{rows} {says}");
        }
    }
    let (end, _) = read(Wire::new(|_| (200, format!(r#"{{"people":{}}}"#, list(0..9)))), &by_offset()).await;
    let error = end.unwrap_err();
    assert!(error.way_out().is_some_and(|hint| hint.contains("none")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn more_records_than_were_given_are_a_hole() {
    let wire = Wire::new(|ask| {
        let rows: Vec<u32> = (0..4).collect();
        let (status, body) = page(&rows, ask, Says::Nothing);
        let more = number(ask, "skip") == 0;
        (status, body.replace("]}", &format!(r#"],"pagination":{{"matched":6,"hasMore":{more}}}}}"#)))
    });
    let error = read(wire, &by_offset()).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unproven);
    assert!(error.to_string().contains("matched: 6"), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("key")), "{error}");

    // Without paging an answer that says that there is more is no whole answer.
    let body = format!(r#"{{"people":{},"pagination":{{"matched":6}}}}"#, list(0..4));
    let error = read(Wire::new(move |_| (200, body.clone())), &people()).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(error.way_out().is_some_and(|hint| hint.contains("paging")), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_list_longer_than_the_offset_reaches_is_a_hole_that_says_so() {
    let rows: Vec<u32> = (0..12_000).collect();
    let wire = Wire::new(move |ask| {
        if number(ask, "skip") > 10_000 { (400, String::new()) } else { page(&rows, ask, Says::All) }
    });
    let stream = Declaration { page_size: 100, max_skip: 10_000, ..by_offset() };
    let error = read(wire, &stream).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unproven);
    assert!(error.to_string().contains("10000"), "{error}");

    // Where none is named and the server has one, its refusal says no more than that.
    let rows: Vec<u32> = (0..100).collect();
    let wire =
        Wire::new(
            move |ask| {
                if number(ask, "skip") > 50 { (400, String::new()) } else { page(&rows, ask, Says::All) }
            },
        );
    let error = read(wire, &by_offset()).await.0.unwrap_err();
    assert_eq!(error.kind(), Kind::Unproven);
    assert!(error.way_out().is_some_and(|hint| hint.contains("max_skip")), "{error}");

    // Where no bound is promised, none is presumed.
    let rows: Vec<u32> = (0..12_000).collect();
    let endless = Wire::new(move |ask| page(&rows, ask, Says::All));
    let (end, keys) = read(endless, &Declaration { page_size: 100, ..by_offset() }).await;
    assert_eq!((end.unwrap(), keys.len()), (ReadEnd::Complete, 12_000));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_too_large_is_asked_for_in_halves() {
    let rows: Vec<u32> = (0..20).collect();
    let rows = Arc::new(rows);
    for paging in [Paging::Skip, Paging::Page] {
        let rows = Arc::clone(&rows);
        let wire = Wire::new(move |ask| {
            let (number_of, limit) = (number(ask, "page"), number(ask, "limit"));
            let skip = number_of.checked_sub(1).map_or(number(ask, "skip"), |before| before * limit);
            let sent: Vec<u32> = rows.iter().copied().skip(skip).take(limit).collect();
            // Only the second half of the list is heavy.
            if sent.len() > 2 && sent.contains(&12) {
                return (502, "<html>".to_owned());
            }
            (200, format!(r#"{{"people":{},"pagination":{{"matched":{}}}}}"#, list(sent), rows.len()))
        });
        let stream = Declaration { paging, page_size: 8, ..people() };
        let rig = Rig::new(wire.clone(), 0.0);
        // The second read begins with pages that fit.
        for refused in [2, 2] {
            let read = read_declared(&rig.source, &stream, &Bindings::default()).await;
            let (end, records) = read.unwrap();
            assert_eq!(end, ReadEnd::Complete, "{:?}", wire.asked());
            assert_eq!(keys(&records), numbers(0..20), "{paging:?}");
            assert_eq!(wire.answered(502), refused, "{:?}", wire.asked());
        }
    }
}

/// After which answer a row goes or comes, and where.
type Edit = (usize, bool, usize);

/// Enough that a shift that is taken for none is caught every time.
const CASES: u32 = 150;

/// Rows come and go while the list is read: what was there all the time is given, or it is no success.
#[test]
fn what_nothing_touched_is_given_or_the_read_fails() {
    // Reads the environment: the test below runs this one with a defect.
    crate::support::read_defects();
    let edits = prop::collection::vec((0_usize..12, any::<bool>(), 0_usize..40), 0..6);
    let says = prop::sample::select(vec![Says::All, Says::More, Says::Nothing]);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    runner.run(&(0_u32..40, 2_u32..9, says, edits), nothing_slips_past).unwrap();
}

fn nothing_slips_past((count, limit, says, edits): (u32, u32, Says, Vec<Edit>)) -> Result<(), TestCaseError> {
    let gone = Arc::new(Mutex::new(Vec::new()));
    let wire = edited(count, says, edits, Arc::clone(&gone));
    let stream = Declaration { page_size: limit, ..by_offset() };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (end, keys) = runtime.block_on(read(wire, &stream));
    if end.is_ok() {
        let gone = gone.lock().unwrap();
        for id in (0..count).filter(|id| !gone.contains(id)) {
            prop_assert!(keys.contains(&id.to_string()), "{} slipped past", id);
        }
    }
    Ok(())
}

/// A list that is edited after each answer; new rows come in front, as in lists with the newest first.
fn edited(count: u32, says: Says, edits: Vec<Edit>, gone: Arc<Mutex<Vec<u32>>>) -> Arc<Wire> {
    let mut rows: Vec<u32> = (0..count).collect();
    let mut answers = 0;
    Wire::new(move |ask| {
        for (_, removes, place) in edits.iter().filter(|(at, _, _)| *at == answers) {
            if *removes && !rows.is_empty() {
                let place = place % rows.len();
                gone.lock().unwrap().push(rows.remove(place));
            } else {
                rows.insert(0, 1_000 + u32::try_from(answers * 50 + place).unwrap());
            }
        }
        answers += 1;
        page(&rows, ask, says)
    })
}

/// The defect is global to a process, so the property runs in one of its own.
#[cfg(feature = "failpoints")]
#[test]
fn a_shift_that_is_taken_for_none_is_caught() {
    super::assert_defect_is_caught(
        "extractor.shift_is_fine",
        "declared::offsets::what_nothing_touched_is_given_or_the_read_fails",
    );
}
