//! The suites of the ports, each check on a store of its own.

use clarion_core::testing::lease;
use clarion_core::testing::ledger::{Step, never_exceeds_the_limit};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::place::Place;

/// One test a check and database.
macro_rules! checks {
    ($sqlite:ident, $postgres:ident, $suite:ident: $($check:ident),+ $(,)?) => {
        mod $sqlite {
            $(#[tokio::test]
            async fn $check() {
                let place = crate::place::Place::sqlite();
                clarion_core::testing::$suite::$check(place.open().await).await;
            })+
        }
        mod $postgres {
            $(#[tokio::test]
            async fn $check() {
                let Some(place) = crate::place::Place::postgres().await else { return };
                clarion_core::testing::$suite::$check(place.open().await).await;
            })+
        }
    };
}

checks!(state_on_sqlite, state_on_postgres, state:
    starts_empty,
    keeps_what_was_committed,
    refuses_a_lower_fence,
    never_moves_backwards,
    takes_a_key_twice_in_one_step,
    merges_queue_entries,
    pages_the_queue_in_order,
    scans_and_counts_known_records,
    pages_known_records_by_time,
    counts_what_went_lately,
    keeps_slices_until_they_are_covered,
    lists_segments_in_order,
    keeps_backfills,
    keeps_runs,
    forgets_old_runs,
    forgets_old_rejections,
    counts_rejections,
    keeps_the_id_of_its_journal,
    knows_whether_segments_are_rewritten,
    remembers_the_rules,
    remembers_what_was_purged,
    forgets_what_was_purged,
    forgets_no_more_than_was_purged,
    keeps_leads_and_their_later_answers,
    keeps_the_failures_of_leads,
    keeps_marks_until_they_are_replaced,
);

checks!(inbox_on_sqlite, inbox_on_postgres, inbox:
    takes_an_id_once,
    keeps_them_in_order,
    is_bounded,
    forgets_what_is_settled,
    takes_nothing_of_a_purged_call,
);

checks!(ledger_on_sqlite, ledger_on_postgres, ledger:
    books_what_was_used,
    never_counts_less_than_was_used,
    stops_at_the_limit_until_the_week_ends,
    counts_a_request_in_its_own_week,
    hands_out_slots_one_after_the_other,
    cuts_a_grant_at_the_weeks_end,
    keeps_a_reserve_for_the_forward_sync,
);

#[tokio::test]
async fn a_lease_on_sqlite_keeps_the_contract() {
    let place = Place::sqlite();
    let (first, second) = (place.open().await, place.open().await);
    lease::has_one_holder(first.lease(place.path()), second.lease(place.path())).await;
    lease::fences_grow(first.lease(place.path()), second.lease(place.path())).await;
}

#[tokio::test]
async fn a_lease_on_postgres_keeps_the_contract() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    let (first, second) = (place.open().await, place.open().await);
    lease::has_one_holder(first.lease(place.path()), second.lease(place.path())).await;
    lease::fences_grow(first.lease(place.path()), second.lease(place.path())).await;
}

#[test]
fn no_mix_of_clients_exceeds_the_limit_on_sqlite() {
    check_random_clients(64, || async { Some(Place::sqlite()) });
}

#[test]
fn no_mix_of_clients_exceeds_the_limit_on_postgres() {
    check_random_clients(8, Place::postgres);
}

fn check_random_clients<F: Future<Output = Option<Place>>>(cases: u32, place: impl Fn() -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let steps = (prop::collection::vec(step(), 1..40), 1_u64..200);
    let checked = TestRunner::new(config).run(&steps, |(steps, limit)| {
        runtime.block_on(async {
            if let Some(place) = place().await {
                never_exceeds_the_limit(place.open().await, &steps, limit).await;
            }
        });
        Ok(())
    });
    checked.unwrap();
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1_u32..60).prop_map(Step::Reserve),
        4 => (any::<usize>(), 0_u32..60).prop_map(|(which, requests)| Step::Use(which, requests)),
        2 => any::<usize>().prop_map(Step::Close),
        1 => any::<usize>().prop_map(Step::Die),
    ]
}
