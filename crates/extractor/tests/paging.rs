//! Each rule of paging, one server and one window at a time.

use clarion_core::{Kind, Source, Window};

use crate::support::{Call, Rig, Vendor, by_time, ids, modified, time};

fn spread(count: i64) -> Vec<Call> {
    (0..count).map(|n| Call::at(format!("c{n:05}"), n * 1000)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_window_costs_a_page_per_99_rows_and_one_proof() {
    for (rows, most) in [(0, 1), (1, 1), (100, 1), (101, 3), (199, 3), (1000, 12)] {
        for window in [by_time(), modified()] {
            let vendor = Vendor::of(spread(rows));
            let (listed, records) = Rig::new(vendor.clone(), 0.0).list(window.clone(), 0).await;
            let listed = listed.unwrap();
            assert_eq!((listed.seen, listed.covered_to), (rows.try_into().unwrap(), None));
            assert_eq!(ids(&records).len(), usize::try_from(rows).unwrap());
            assert!(vendor.count() <= most, "{rows} rows cost {} requests", vendor.count());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bounded_window_gives_its_rows_and_no_others() {
    let vendor = Vendor::of(spread(1000));
    let from = time("2025-06-15T15:06:40Z") + chrono::TimeDelta::seconds(10);
    let window = Window::ByTime { from, to: Some(from + chrono::TimeDelta::seconds(300)) };
    let (listed, records) = Rig::new(vendor, 0.0).list(window, 0).await;
    assert_eq!(listed.unwrap().seen, 300);
    let ids = ids(&records);
    assert_eq!((ids[0].as_str(), ids[299].as_str()), ("c00010", "c00309"));
}

#[tokio::test(start_paused = true)]
async fn max_rows_stops_at_a_time_boundary_and_the_next_window_goes_on_there() {
    let mut calls = spread(500);
    calls.extend((0..150).map(|n| Call::at(format!("t{n:03}"), 250_000)));
    let rig = Rig::new(Vendor::of(calls), 0.0);
    let (mut from, mut all, mut windows) = (time("2020-01-01T00:00:00Z"), Vec::new(), 0);
    loop {
        let (listed, records) = rig.list(Window::ByTime { from, to: None }, 200).await;
        all.extend(records);
        windows += 1;
        match listed.unwrap().covered_to {
            Some(covered) => {
                assert!(covered > from);
                from = covered;
            }
            None => break,
        }
    }
    assert_eq!(ids(&all).len(), 650);
    assert!((3..=6).contains(&windows), "{windows}");
}

#[tokio::test(start_paused = true)]
async fn a_tie_longer_than_a_page_is_read_by_skip() {
    for tied in [99, 100, 101, 250, 1000] {
        let mut calls = spread(50);
        calls.extend((0..tied).map(|n| Call::at(format!("t{n:05}"), 20_000)));
        let (listed, records) = Rig::new(Vendor::of(calls), 0.0).list(by_time(), 0).await;
        assert_eq!(listed.unwrap().seen, 50 + tied, "{tied}");
        assert_eq!(ids(&records).len() as u64, 50 + tied);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tie_past_the_reach_of_skip_is_read_by_status_and_type() {
    let mut calls = spread(10);
    let kinds = ["ZOOM", "HUBSPOT", "DIALPAD"];
    let tied = |n: usize| Call {
        status: if n.is_multiple_of(20) { "SCHEDULED" } else { "PROCESSED" },
        kind: kinds[n % 3],
        ..Call::at(format!("t{n:05}"), 5_000)
    };
    calls.extend((0..15_000).map(tied));
    let (listed, records) = Rig::new(Vendor::of(calls), 0.0).list(by_time(), 0).await;
    assert_eq!(listed.unwrap().seen, 15_010);
    assert_eq!(ids(&records).len(), 15_010);
}

#[tokio::test(start_paused = true)]
async fn a_tie_that_nothing_splits_is_a_hole() {
    let calls = (0..10_300).map(|n| Call::at(format!("t{n:05}"), 5_000)).collect();
    let (listed, _) = Rig::new(Vendor::of(calls), 0.0).list(by_time(), 0).await;
    let error = listed.unwrap_err();
    assert_eq!(error.kind(), Kind::Unproven);
    assert!(
        error.to_string().contains("share one time")
            && error.to_string().contains("time: 2025-06-15T15:06:45"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn calls_without_a_time_are_found_first_or_last() {
    for timeless_last in [false, true] {
        for timeless in [1, 30, 250] {
            let mut calls = spread(300);
            calls.extend((0..timeless).map(|n| Call::new(format!("x{n:03}"), None)));
            let vendor = Vendor::of(calls);
            vendor.world().timeless_last = timeless_last;
            let rig = Rig::new(vendor, 0.0);
            let (listed, records) = rig.list(modified(), 0).await;
            assert_eq!(listed.unwrap().seen, 300 + timeless, "last: {timeless_last}");
            assert_eq!(ids(&records).len() as u64, 300 + timeless);
            let (listed, records) = rig.list(Window::Everything, 0).await;
            assert_eq!(listed.unwrap().seen, 300 + timeless);
            assert_eq!(ids(&records).len() as u64, timeless, "only those without a time");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn years_that_no_calendar_holds_neither_loop_nor_hide() {
    for odd in ["0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "soon"] {
        let mut calls = spread(150);
        calls.extend((0..120).map(|n| Call::new(format!("o{n:03}"), Some(odd.to_owned()))));
        let (listed, records) = Rig::new(Vendor::of(calls), 0.0).list(modified(), 0).await;
        assert_eq!(listed.unwrap().seen, 270, "{odd}");
        assert_eq!(ids(&records).len(), 270);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_ignores_paging_is_found_out() {
    for window in [by_time(), modified()] {
        let vendor = Vendor::of(spread(5000));
        vendor.world().ignore_paging = true;
        let (listed, _) = Rig::new(vendor.clone(), 0.0).list(window, 0).await;
        let error = listed.unwrap_err();
        assert_eq!(error.kind(), Kind::Protocol);
        assert!(error.to_string().contains("same page again"), "{error}");
        assert!(vendor.count() <= 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_sort_is_found_out() {
    let mut calls = spread(50);
    calls.reverse();
    let vendor = Vendor::of(calls);
    vendor.world().ignore_sort = true;
    let (listed, _) = Rig::new(vendor, 0.0).list(by_time(), 0).await;
    let error = listed.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(error.to_string().contains("ascend"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_lie_about_what_matches_never_ends_well() {
    for delta in [-50, -5, -1, 1, 5, 500] {
        for rows in [3, 150, 400] {
            for window in [by_time(), modified()] {
                let vendor = Vendor::of(spread(rows));
                vendor.world().matched_delta = delta;
                let (listed, _) = Rig::new(vendor, 0.0).list(window, 0).await;
                let error = listed.unwrap_err();
                assert!(matches!(error.kind(), Kind::Unproven | Kind::Protocol), "{delta} {rows}: {error}");
                let text = error.to_string();
                assert!(text.contains("matched:") && text.contains("seen:"), "{text}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_that_never_falls_is_found_out() {
    let vendor = Vendor::of(spread(300));
    vendor.world().matched_always = Some(400);
    let (listed, _) = Rig::new(vendor, 0.0).list(by_time(), 0).await;
    let error = listed.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(error.to_string().contains("did not fall"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_page_too_large_is_halved_once_and_for_all() {
    for most_rows in [1, 2, 30] {
        let mut calls = spread(60);
        calls.extend((0..5).map(|n| Call::at(format!("t{n}"), 20_000)));
        calls.extend((0..5).map(|n| Call::new(format!("x{n}"), None)));
        let vendor = Vendor::of(calls);
        vendor.world().most_rows = Some(most_rows);
        vendor.world().timeless_last = true;
        let rig = Rig::new(vendor.clone(), 0.0);
        let (listed, records) = rig.list(modified(), 0).await;
        assert_eq!(listed.unwrap().seen, 70, "{most_rows}");
        assert_eq!(ids(&records).len(), 70);
        assert_eq!(rig.source.usage().retried, 0, "halving is no retry");
        let before = vendor.count();
        rig.list(modified(), 0).await.0.unwrap();
        let large = vendor.world().asked[before..]
            .iter()
            .filter(|ask| ask.params.contains(&("limit".into(), "100".into())))
            .count();
        assert_eq!(large, 0, "the size is remembered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_deleted_overlap_row_does_not_hide_its_neighbours() {
    let vendor = Vendor::of((0..350).map(|n| Call::at(format!("t{n:05}"), 0)).collect());
    let mut deleted = 0;
    vendor.before_each(move |world, _| {
        // The first rows go while the tie is read by skip: everything behind shifts to the front.
        if deleted < 3 && world.asked.len() >= 2 {
            deleted += 1;
            world.calls.drain(0..20);
        }
    });
    let (listed, records) = Rig::new(vendor, 0.0).list(by_time(), 0).await;
    listed.unwrap();
    let ids = ids(&records);
    assert!((60..350).all(|n| ids.contains(&format!("t{n:05}"))), "a call that nothing touched is missing");
}
