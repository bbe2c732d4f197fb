//! A load as a whole: position, fence, all or nothing.

use serde_json::json;

use super::Readback;
use super::fixture::{Call, Script, by_key, journal, parents};
use crate::{Kind, Position};

const ONE: Position = Position { segment: 1, line: 9 };
const TWO: Position = Position { segment: 2, line: 9 };

pub(super) async fn all<R, F>(fresh: &impl Fn() -> F)
where
    R: Readback,
    F: Future<Output = R>,
{
    a_fresh_destination_is_at_the_start(&fresh().await).await;
    a_load_lands_with_its_position(&fresh().await).await;
    a_load_without_rows_moves_the_position(&fresh().await).await;
    a_second_load_from_the_same_position_is_refused(&fresh().await).await;
    a_lower_fence_is_refused(&fresh().await).await;
    two_loads_under_way_never_both_land(&fresh().await).await;
    a_load_from_another_journal_is_refused(&fresh().await).await;
    an_uncommitted_load_leaves_no_trace(&fresh().await).await;
    a_replacement_leaves_only_what_it_wrote(&fresh().await).await;
}

pub async fn a_fresh_destination_is_at_the_start(on: &impl Readback) {
    let state = on.open().await.inspect().await.expect("a fresh destination is well");
    assert_eq!(state.position, Position::START);
    assert!(state.tables.is_empty() && state.schemas.is_empty());
    assert!(on.open().await.remembered().await.expect("there is nothing to remember").is_empty());
    assert!(on.rows("calls").await.is_empty());
}

pub async fn a_load_lands_with_its_position(on: &impl Readback) {
    let script = two_calls();
    let report = script.run(ONE, on).await.expect("the load lands");
    let counts: Vec<u64> = ["calls", "call_parts"].iter().map(|name| rows_of(&report.rows, name)).collect();
    assert_eq!(counts, [2, 3]);
    assert_eq!(by_key(on.rows("calls").await, &["id"]).len(), 2);
    assert_eq!(by_key(on.rows("call_parts").await, &["call_id", "idx"]).len(), 3);

    let state = on.open().await.inspect().await.expect("a loaded destination is well");
    assert_eq!(state.position, ONE);
    let name = parents().table;
    assert_eq!(state.tables[&name].rows, 2);
    assert!(state.tables[&name].bytes > 0);
    assert_eq!(*state.schemas[&name], parents(), "the schema comes back exactly");
}

pub async fn a_load_without_rows_moves_the_position(on: &impl Readback) {
    two_calls().run(ONE, on).await.expect("the load lands");
    let before = on.rows("calls").await;
    let empty = Script::new(ONE, Vec::new());
    let load = on.open().await.begin(empty.announced()).await.expect("a load may be empty");
    load.commit(TWO).await.expect("the position moves");
    assert_eq!(on.open().await.inspect().await.expect("it is well").position, TWO);
    assert_eq!(by_key(on.rows("calls").await, &["id"]), by_key(before, &["id"]));
}

pub async fn a_second_load_from_the_same_position_is_refused(on: &impl Readback) {
    two_calls().run(ONE, on).await.expect("the load lands");
    let refused = two_calls().run(ONE, on).await.expect_err("the position is not START any more");
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(on.open().await.inspect().await.expect("it is well").position, ONE);
}

pub async fn a_lower_fence_is_refused(on: &impl Readback) {
    two_calls().fence(7).run(ONE, on).await.expect("the load lands");
    let late = Script::new(ONE, vec![Call::new("c", "2026-03-01T10:00:00Z", 20)]).fence(6);
    assert_eq!(late.run(TWO, on).await.expect_err("the fence is lower").kind(), Kind::Conflict);
    assert_eq!(on.rows("calls").await.len(), 2);
    late.fence(7).run(TWO, on).await.expect("the same fence may go on");
    assert_eq!(on.rows("calls").await.len(), 3);
}

pub async fn a_load_from_another_journal_is_refused(on: &impl Readback) {
    let inspect = || async { on.open().await.inspect().await.expect("it is well") };
    assert_eq!(inspect().await.journal, None);
    two_calls().run(ONE, on).await.expect("the load lands");
    assert_eq!(inspect().await.journal, Some(journal(1)));
    let other = Script::new(ONE, vec![Call::new("c", "2026-03-01T10:00:00Z", 20)]).of_journal(2);
    let refused = other.run(TWO, on).await.expect_err("the position is one in another journal");
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(refused.way_out().is_some_and(|hint| hint.contains("replay")), "{refused}");
    assert_eq!(on.rows("calls").await.len(), 2);
    other.replacing().run(TWO, on).await.expect("a rebuild may come from any journal");
    assert_eq!(inspect().await.journal, Some(journal(2)));
    assert_eq!(on.rows("calls").await.len(), 1);
}

/// A load under fence 5 is under way, or frozen, when one under fence 6 begins: the earlier one lands before the later
/// one has begun, or not at all.
pub async fn two_loads_under_way_never_both_land(on: &impl Readback) {
    let earlier = two_calls().fence(5);
    let anew = vec![Call::new("a", "2026-01-02T10:00:00Z", 7), Call::new("z", "2026-01-02T10:00:00Z", 8)];
    let later = Script::new(Position::START, anew).fence(6);
    let (first, second) = (on.open().await, on.open().await);
    let mut frozen = first.begin(earlier.announced()).await.expect("the load begins");
    frozen.write(earlier.change()).await.expect("the rows are taken");
    let waking = async {
        // As long as the later one needs to come up to the earlier one's locks, or to give up.
        for _ in 0..64 {
            tokio::task::yield_now().await;
        }
        frozen.commit(ONE).await
    };
    let taking_over = async {
        let mut load = second.begin(later.announced()).await?;
        load.write(later.change()).await?;
        load.commit(TWO).await
    };
    let landed = match tokio::join!(waking, taking_over) {
        (Ok(_), Err(refused)) => {
            assert_eq!(refused.kind(), Kind::Conflict);
            (ONE, vec!["\"a\"", "\"b\""])
        }
        (Err(refused), Ok(_)) => {
            assert_eq!(refused.kind(), Kind::Conflict);
            (TWO, vec!["\"a\"", "\"z\""])
        }
        other => panic!("one of them lands: {other:?}"),
    };
    assert_eq!(on.open().await.inspect().await.expect("it is well").position, landed.0);
    assert_eq!(by_key(on.rows("calls").await, &["id"]).keys().collect::<Vec<_>>(), landed.1);
}

pub async fn an_uncommitted_load_leaves_no_trace(on: &impl Readback) {
    two_calls().run(ONE, on).await.expect("the load lands");
    let before = by_key(on.rows("calls").await, &["id"]);
    let dropped = Script::new(ONE, vec![Call::new("a", "2026-05-01T10:00:00Z", 20)]);
    let destination = on.open().await;
    let mut load = destination.begin(dropped.announced()).await.expect("the load begins");
    load.write(dropped.change()).await.expect("the rows are taken");
    assert_eq!(by_key(on.rows("calls").await, &["id"]), before, "nothing shows before the commit");
    drop(load);
    assert_eq!(on.open().await.inspect().await.expect("it is well").position, ONE);
    assert_eq!(by_key(on.rows("calls").await, &["id"]), before);
    dropped.run(TWO, on).await.expect("the next load is not in its way");
}

pub async fn a_replacement_leaves_only_what_it_wrote(on: &impl Readback) {
    two_calls().run(ONE, on).await.expect("the load lands");
    let anew = vec![
        Call::new("b", "2026-02-03T10:00:00Z", 3).parts(&["x"]),
        Call::new("c", "2026-01-03T10:00:00Z", 4),
    ];
    // A rebuild starts over, whatever the destination's position is.
    Script::new(Position::START, anew).replacing().run(TWO, on).await.expect("the rebuild lands");
    let calls = by_key(on.rows("calls").await, &["id"]);
    assert_eq!(calls.keys().collect::<Vec<_>>(), ["\"b\"", "\"c\""]);
    let parts = on.rows("call_parts").await;
    assert_eq!(parts.iter().map(|row| &row["text"]).collect::<Vec<_>>(), [&json!("x")]);
    let state = on.open().await.inspect().await.expect("it is well");
    assert_eq!(state.position, TWO);
    assert_eq!(state.tables[&parents().table].rows, 2);
}

fn two_calls() -> Script {
    let calls = vec![
        Call::new("a", "2026-01-02T10:00:00Z", 2).parts(&["one", "two"]),
        Call::new("b", "2026-02-02T10:00:00Z", 3).parts(&["three"]),
    ];
    Script::new(Position::START, calls)
}

fn rows_of(rows: &std::collections::BTreeMap<crate::TableName, u64>, name: &'static str) -> u64 {
    rows.get(&crate::TableName::of(name)).copied().unwrap_or_default()
}
