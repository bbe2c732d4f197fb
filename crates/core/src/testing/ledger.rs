//! What every quota ledger must do. Each check takes a fresh, empty ledger.

use std::collections::HashMap;

use chrono::Duration;

use crate::{
    Ask, Grant, Kind, Ledger, Purpose, Spent, StreamName, Timestamp, from_millis, parse_timestamp, week_start,
};

/// A Wednesday at noon.
pub fn noon() -> Timestamp {
    from_millis(1_795_608_000_000)
}

/// Requests of one call stream in the hour of `at`.
pub fn spent(at: Timestamp, requests: u64) -> Spent {
    let hour = from_millis(at.timestamp_millis() / 3_600_000 * 3_600_000);
    Spent { hour, stream: StreamName::CALLS, purpose: Purpose::Forward, requests }
}

fn ask(now: Timestamp, requests: u32, weekly_limit: u64) -> Ask {
    Ask { now, purpose: Purpose::Forward, requests, weekly_limit, rate: 0.0 }
}

async fn used(ledger: &impl Ledger, now: Timestamp) -> (u64, u64) {
    let week = ledger.week(now).await.expect("week");
    (week.used, week.reserved)
}

/// A reservation counts at once, what was not used comes back at the close, and the use is kept by hour and purpose.
pub async fn books_what_was_used(ledger: impl Ledger) {
    let now = noon();
    let empty = ledger.week(now).await.expect("week");
    assert_eq!((empty.used, empty.reserved, empty.spent.len()), (0, 0, 0));
    let grant = ledger.reserve(ask(now, 50, 1000)).await.expect("reserve");
    assert_eq!((grant.requests, grant.starts_at, grant.week_start), (50, now, week_start(now)));
    assert_eq!(used(&ledger, now).await, (50, 50));

    let details = Spent { stream: StreamName::CALL_DETAILS, purpose: Purpose::Ready, ..spent(now, 7) };
    ledger.settle(&grant, &[spent(now, 10), details.clone()], false).await.expect("settle");
    assert_eq!(used(&ledger, now).await, (50, 33));
    ledger.settle(&grant, &[spent(now, 3)], true).await.expect("close");
    assert_eq!(used(&ledger, now).await, (20, 0));

    let week = ledger.week(now).await.expect("week");
    assert_eq!(week.resumes_at, week_start(now) + Duration::weeks(1));
    assert_eq!(week.spent, [details, spent(now, 13)]);
}

/// More used than granted is counted; so is what comes after the close, and for a grant nobody knows.
pub async fn never_counts_less_than_was_used(ledger: impl Ledger) {
    let now = noon();
    let grant = ledger.reserve(ask(now, 5, 0)).await.expect("reserve");
    ledger.settle(&grant, &[spent(now, 9)], true).await.expect("close");
    assert_eq!(used(&ledger, now).await, (9, 0));
    ledger.settle(&grant, &[spent(now, 2)], true).await.expect("after the close");
    assert_eq!(used(&ledger, now).await, (11, 0));
    let unknown = Grant { id: 1, ..grant };
    ledger.settle(&unknown, &[spent(now, 4)], true).await.expect("unknown");
    assert_eq!(used(&ledger, now).await, (15, 0));
}

/// The last requests are granted, then it is `Quota` until the week's end, when all is there again.
pub async fn stops_at_the_limit_until_the_week_ends(ledger: impl Ledger) {
    let now = noon();
    let first = ledger.reserve(ask(now, 60, 100)).await.expect("reserve");
    let second = ledger.reserve(ask(now, 60, 100)).await.expect("the rest");
    assert_eq!((first.requests, second.requests), (60, 40));
    let refused = ledger.reserve(ask(now, 1, 100)).await.expect_err("nothing left");
    assert_eq!(refused.kind(), Kind::Quota);
    let resumes_at =
        refused.context().iter().find(|(name, _)| *name == "resumes_at").map(|(_, value)| value.clone());
    let next_week = week_start(now) + Duration::weeks(1);
    assert_eq!(resumes_at.as_deref().and_then(parse_timestamp), Some(next_week));
    assert!(refused.way_out().is_some());

    let grant = ledger.reserve(ask(next_week, 100, 100)).await.expect("a new week");
    assert_eq!((grant.requests, grant.week_start), (100, next_week));
    // The old grants are still counted where they belong.
    assert_eq!(used(&ledger, now).await, (100, 100));
    ledger.settle(&first, &[], true).await.expect("give back");
    assert_eq!(used(&ledger, now).await, (40, 40));
}

/// What the forward sync will still want is kept from everything else, and is there for the forward sync.
pub async fn keeps_a_reserve_for_the_forward_sync(ledger: impl Ledger) {
    let now = noon();
    let backfill = |requests| Ask { purpose: Purpose::Backfill, ..ask(now, requests, 1000) };
    let before = ledger.reserve(backfill(10)).await.expect("no reserve before the first forward sync");
    let other = Spent { purpose: Purpose::Backfill, ..spent(now, 10) };
    ledger.settle(&before, &[other], true).await.expect("close");
    let grant = ledger.reserve(ask(now, 40, 1000)).await.expect("reserve");
    ledger.settle(&grant, &[spent(now, 40)], true).await.expect("close");

    let week = ledger.week(now).await.expect("week");
    assert_eq!(week.recent.requests, 40, "of the forward sync alone");
    let kept = week.recent.reserve(1000, now);
    assert_eq!(kept, 100);
    let rest = ledger.reserve(backfill(5000)).await.expect("what is left");
    assert_eq!(u64::from(rest.requests), 1000 - 50 - kept);
    let refused = ledger.reserve(backfill(1)).await.expect_err("the reserve is not for a backfill");
    assert_eq!(refused.kind(), Kind::Quota);
    assert_eq!(ledger.reserve(ask(now, 5000, 1000)).await.expect("the reserve").requests, 100);
}

/// A request that was made after its week's end counts in the week in which it was made.
pub async fn counts_a_request_in_its_own_week(ledger: impl Ledger) {
    let next_week = week_start(noon()) + Duration::weeks(1);
    let before = next_week - Duration::seconds(1);
    let grant = ledger.reserve(ask(before, 5, 100)).await.expect("reserve");
    ledger.settle(&grant, &[spent(before, 2), spent(next_week, 3)], true).await.expect("close");
    assert_eq!(used(&ledger, before).await, (2, 0));
    assert_eq!(used(&ledger, next_week).await, (3, 0));
}

/// Slots follow each other over all grants, closed or not; a pause leaves no burst behind.
pub async fn hands_out_slots_one_after_the_other(ledger: impl Ledger) {
    let paced = |now, requests| Ask { rate: 10.0, ..ask(now, requests, 0) };
    let now = noon();
    let first = ledger.reserve(paced(now, 5)).await.expect("reserve");
    let second = ledger.reserve(paced(now, 10)).await.expect("reserve");
    ledger.settle(&second, &[], true).await.expect("close");
    let third = ledger.reserve(paced(now, 1)).await.expect("reserve");
    let slots = [first.starts_at, second.starts_at, third.starts_at];
    let half = Duration::milliseconds(500);
    assert_eq!(slots, [now, now + half, now + half * 3]);
    let later = now + Duration::seconds(60);
    assert_eq!(ledger.reserve(paced(later, 1)).await.expect("reserve").starts_at, later);
    assert_eq!(ledger.reserve(ask(later, 1, 0)).await.expect("no pace").starts_at, later);
}

/// No slot beyond the week's end is granted against the old week.
pub async fn cuts_a_grant_at_the_weeks_end(ledger: impl Ledger) {
    let next_week = week_start(noon()) + Duration::weeks(1);
    let now = next_week - Duration::milliseconds(450);
    let paced = Ask { rate: 10.0, ..ask(now, 9, 100) };
    let old = ledger.reserve(paced).await.expect("reserve");
    assert_eq!((old.requests, old.week_start), (5, week_start(now)));
    let new = ledger.reserve(paced).await.expect("reserve");
    assert_eq!((new.requests, new.week_start), (9, next_week));
    assert!(new.starts_at >= next_week);
    assert_eq!(used(&ledger, now).await, (5, 5));
    assert_eq!(used(&ledger, next_week).await, (9, 9));
}

/// What a random client does next.
#[derive(Debug, Clone, Copy)]
pub enum Step {
    Reserve(u32),
    /// Uses up to this many requests of one of the open grants.
    Use(usize, u32),
    Close(usize),
    /// The process dies: its grant is never closed.
    Die(usize),
}

/// However clients mix, no more than the limit is granted, and no less counted than was used or may still be.
pub async fn never_exceeds_the_limit(ledger: impl Ledger, steps: &[Step], limit: u64) {
    let now = noon();
    let mut open: Vec<Grant> = Vec::new();
    let mut left: HashMap<i64, u32> = HashMap::new();
    let (mut made, mut lost) = (0_u64, 0_u64);
    for step in steps {
        match *step {
            Step::Reserve(requests) => match ledger.reserve(ask(now, requests, limit)).await {
                Ok(grant) => {
                    assert!(
                        left.insert(grant.id, grant.requests).is_none(),
                        "grants have numbers of their own"
                    );
                    open.push(grant);
                }
                Err(error) => assert_eq!(error.kind(), Kind::Quota),
            },
            Step::Use(which, requests) if !open.is_empty() => {
                let grant = &open[which % open.len()];
                let rest = left.entry(grant.id).or_default();
                let requests = requests.min(*rest);
                *rest -= requests;
                made += u64::from(requests);
                ledger.settle(grant, &[spent(now, u64::from(requests))], false).await.expect("settle");
            }
            Step::Close(which) if !open.is_empty() => {
                let grant = open.swap_remove(which % open.len());
                left.remove(&grant.id);
                ledger.settle(&grant, &[], true).await.expect("close");
            }
            Step::Die(which) if !open.is_empty() => {
                let grant = open.swap_remove(which % open.len());
                lost += u64::from(left.remove(&grant.id).unwrap_or(0));
            }
            _ => {}
        }
        let reserved = lost + open.iter().map(|grant| u64::from(left[&grant.id])).sum::<u64>();
        assert_eq!(used(&ledger, now).await, (made + reserved, reserved));
        assert!(made + reserved <= limit);
    }
}
