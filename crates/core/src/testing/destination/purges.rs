//! Removing records for good.

use super::Readback;
use super::fixture::{Call, Script, by_key, journal, purge};
use crate::{Kind, Position};

const ONE: Position = Position { segment: 1, line: 9 };
const TWO: Position = Position { segment: 2, line: 9 };
const THREE: Position = Position { segment: 3, line: 9 };

pub(super) async fn all<R, F>(fresh: &impl Fn() -> F)
where
    R: Readback,
    F: Future<Output = R>,
{
    a_purged_call_is_gone_with_its_children(&fresh().await).await;
    what_is_not_there_is_not_purged(&fresh().await).await;
    a_lower_fence_may_not_purge(&fresh().await).await;
    a_purged_call_can_be_loaded_again(&fresh().await).await;
}

pub async fn a_purged_call_is_gone_with_its_children(on: &impl Readback) {
    three_calls().run(ONE, on).await.expect("the load lands");
    Script::new(ONE, Vec::new()).deleting("c", Position::new(2, 2)).run(TWO, on).await.expect("it lands");
    let before = by_key(on.rows("calls").await, &["id"]);
    // Two calls, one of them marked as deleted, with four parts.
    assert_eq!(purge(&["a", "c"], 1, on).await.expect("the purge lands"), 6);
    let calls = by_key(on.rows("calls").await, &["id"]);
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["\"b\""]);
    assert_eq!(calls["\"b\""], before["\"b\""], "the other one is as it was");
    let parts = by_key(on.rows("call_parts").await, &["call_id", "idx"]);
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["\"b\"/0"]);
    let state = on.open().await.inspect().await.expect("it is well");
    assert_eq!((state.position, state.journal), (TWO, Some(journal(1))));
    assert_eq!(state.tables.values().map(|table| table.rows).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(purge(&["a", "c"], 1, on).await.expect("again"), 0);
}

pub async fn what_is_not_there_is_not_purged(on: &impl Readback) {
    assert_eq!(purge(&["a"], 1, on).await.expect("nothing was ever loaded"), 0);
    assert_eq!(on.open().await.inspect().await.expect("it is well").position, Position::START);
    three_calls().run(ONE, on).await.expect("the load lands");
    assert_eq!(purge(&["x"], 1, on).await.expect("there is no such call"), 0);
    assert_eq!(on.rows("calls").await.len(), 3);
}

pub async fn a_lower_fence_may_not_purge(on: &impl Readback) {
    three_calls().fence(7).run(ONE, on).await.expect("the load lands");
    assert_eq!(purge(&["a"], 6, on).await.expect_err("the fence is lower").kind(), Kind::Conflict);
    assert_eq!(on.rows("calls").await.len(), 3);
    purge(&["a"], 8, on).await.expect("a higher one may");
    let late = Script::new(ONE, vec![Call::new("d", "2026-03-01T10:00:00Z", 20)]).fence(7);
    assert_eq!(late.run(TWO, on).await.expect_err("the purge was later").kind(), Kind::Conflict);
}

pub async fn a_purged_call_can_be_loaded_again(on: &impl Readback) {
    three_calls().run(ONE, on).await.expect("the load lands");
    purge(&["a"], 1, on).await.expect("the purge lands");
    let again = Call::new("a", "2026-01-02T10:00:00Z", 2).parts(&["x"]);
    Script::new(ONE, vec![again.clone()]).run(TWO, on).await.expect("the next load goes on");
    assert_eq!(on.rows("calls").await.len(), 3);
    assert_eq!(by_key(on.rows("call_parts").await, &["call_id", "idx"]).len(), 4);
    // All that there is.
    purge(&["a", "b", "c"], 1, on).await.expect("the purge lands");
    assert!(on.rows("calls").await.is_empty() && on.rows("call_parts").await.is_empty());
    Script::new(TWO, vec![again]).run(THREE, on).await.expect("the next load goes on");
    assert_eq!(on.rows("calls").await.len(), 1);
}

fn three_calls() -> Script {
    let calls = vec![
        Call::new("a", "2026-01-02T10:00:00Z", 2).parts(&["one", "two"]),
        Call::new("b", "2026-01-03T10:00:00Z", 3).parts(&["three"]),
        Call::new("c", "2026-02-02T10:00:00Z", 4).parts(&["four", "five"]),
    ];
    Script::new(Position::START, calls)
}
