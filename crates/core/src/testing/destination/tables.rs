//! What a load does to rows that are there already.

use serde_json::{Value, json};

use super::Readback;
use super::fixture::{Call, Script, by_key};
use crate::Position;

const JANUARY: &str = "2026-01-02T10:00:00Z";
const FEBRUARY: &str = "2026-02-02T10:00:00Z";

pub(super) async fn all<R, F>(fresh: &impl Fn() -> F)
where
    R: Readback,
    F: Future<Output = R>,
{
    a_changed_record_replaces_its_row(&fresh().await).await;
    an_older_version_is_refused(&fresh().await).await;
    the_same_version_is_written_again_only_if_asked_for(&fresh().await).await;
    children_are_replaced_as_a_whole(&fresh().await).await;
    a_deleted_call_is_marked_with_its_children(&fresh().await).await;
    a_deleted_call_comes_back_with_a_newer_version(&fresh().await).await;
    a_call_that_moves_in_time_is_there_once(&fresh().await).await;
    a_wider_schema_keeps_the_old_rows(&fresh().await).await;
    nested_values_and_odd_text_come_back_as_they_were(&fresh().await).await;
}

pub async fn a_changed_record_replaces_its_row(on: &impl Readback) {
    load(on, 0, vec![Call::new("a", JANUARY, 2), Call::new("b", JANUARY, 3), Call::new("n", "", 4)]).await;
    load(on, 1, vec![Call::new("b", JANUARY, 12), Call::new("n", "", 13)]).await;
    let calls = by_key(on.rows("calls").await, &["id"]);
    assert_eq!(calls["\"a\""]["title"], "a at 2");
    assert_eq!(calls["\"b\""]["title"], "b at 12");
    assert_eq!(calls["\"n\""]["title"], "n at 13");
    assert_eq!(calls["\"b\""]["_position"], json!(Position::new(1, 12).pack()));
}

pub async fn an_older_version_is_refused(on: &impl Readback) {
    load(on, 0, vec![Call::new("a", JANUARY, 9).parts(&["new"]), Call::new("b", JANUARY, 3)]).await;
    load(on, 1, vec![Call::new("a", FEBRUARY, 4).parts(&["old", "older"]), Call::new("b", JANUARY, 4)]).await;
    let calls = by_key(on.rows("calls").await, &["id"]);
    assert_eq!(calls["\"a\""]["title"], "a at 9");
    assert_eq!(calls["\"b\""]["title"], "b at 4");
    let parts = on.rows("call_parts").await;
    assert_eq!(parts.iter().map(|row| &row["text"]).collect::<Vec<_>>(), [&json!("new")]);
}

pub async fn the_same_version_is_written_again_only_if_asked_for(on: &impl Readback) {
    let first = vec![
        Call::new("a", JANUARY, 9).parts(&["one", "two"]),
        Call::new("b", JANUARY, 10).parts(&["kept"]),
        Call::new("c", JANUARY, 3),
    ];
    load(on, 0, first).await;
    let to = on.open().await.inspect().await.expect("it is well").position;
    let same = Call::new("a", FEBRUARY, 9).field("title", json!("better")).parts(&["uno"]);
    let older = Call::new("b", JANUARY, 4).field("title", json!("older")).parts(&["none"]);
    let again = Script::new(to, vec![same, older]);
    again.run(to, on).await.expect("the load lands");
    let titles = || async {
        let calls = by_key(on.rows("calls").await, &["id"]);
        calls.values().map(|call| call["title"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let texts = || async {
        let parts = by_key(on.rows("call_parts").await, &["call_id", "idx"]);
        parts.values().map(|part| part["text"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (titles().await, texts().await.len()),
        (vec!["a at 9".into(), "b at 10".into(), "c at 3".into()], 3)
    );
    again.again().run(to, on).await.expect("the load lands");
    assert_eq!(titles().await, ["better", "b at 10", "c at 3"]);
    assert_eq!(texts().await, ["uno", "kept"]);
    assert_eq!(on.open().await.inspect().await.expect("it is well").position, to);
}

pub async fn children_are_replaced_as_a_whole(on: &impl Readback) {
    let first = vec![
        Call::new("a", JANUARY, 2).parts(&["1", "2", "3"]),
        Call::new("b", JANUARY, 3).parts(&["4", "5"]),
        Call::new("c", JANUARY, 4).parts(&["6"]),
    ];
    load(on, 0, first).await;
    load(on, 1, vec![Call::new("a", JANUARY, 12).parts(&["7"]), Call::new("b", JANUARY, 13)]).await;
    let parts = by_key(on.rows("call_parts").await, &["call_id", "idx"]);
    let texts: Vec<&Value> = parts.values().map(|row| &row["text"]).collect();
    assert_eq!(texts, [&json!("7"), &json!("6")], "a shrank, b has none left, c was not touched");
}

pub async fn a_deleted_call_is_marked_with_its_children(on: &impl Readback) {
    let calls = vec![
        Call::new("a", JANUARY, 2).parts(&["1", "2"]),
        Call::new("b", JANUARY, 3).parts(&["3"]),
        Call::new("c", FEBRUARY, 4),
    ];
    load(on, 0, calls).await;
    let gone = Script::new(place(1), Vec::new())
        .deleting("a", Position::new(1, 12))
        .deleting("never seen", Position::new(1, 13));
    gone.run(place(2), on).await.expect("the load lands");
    let calls = by_key(on.rows("calls").await, &["id"]);
    assert_eq!(calls.len(), 3, "a mark is not a new row");
    assert_eq!(calls["\"a\""]["_deleted_at"], "2026-11-20T11:00:00.000000Z");
    assert_eq!(calls["\"a\""]["title"], "a at 2", "the rest of the row stays");
    assert_eq!(calls["\"a\""]["_position"], json!(Position::new(1, 12).pack()));
    assert_eq!(calls["\"b\""]["_deleted_at"], Value::Null);
    let parts = by_key(on.rows("call_parts").await, &["call_id", "idx"]);
    let marks: Vec<bool> = parts.values().map(|row| !row["_deleted_at"].is_null()).collect();
    assert_eq!(marks, [true, true, false]);
}

pub async fn a_deleted_call_comes_back_with_a_newer_version(on: &impl Readback) {
    load(on, 0, vec![Call::new("a", JANUARY, 2).parts(&["1"])]).await;
    let gone = Script::new(place(1), Vec::new()).deleting("a", Position::new(1, 12));
    gone.run(place(2), on).await.expect("the load lands");
    load(on, 2, vec![Call::new("a", JANUARY, 22).parts(&["2"])]).await;
    let calls = by_key(on.rows("calls").await, &["id"]);
    assert_eq!((&calls["\"a\""]["title"], &calls["\"a\""]["_deleted_at"]), (&json!("a at 22"), &Value::Null));
    let parts = on.rows("call_parts").await;
    assert_eq!(parts.len(), 1);
    assert_eq!((&parts[0]["text"], &parts[0]["_deleted_at"]), (&json!("2"), &Value::Null));
}

pub async fn a_call_that_moves_in_time_is_there_once(on: &impl Readback) {
    let calls = vec![
        Call::new("a", JANUARY, 2).parts(&["1", "2"]),
        Call::new("b", FEBRUARY, 3).parts(&["3"]),
        Call::new("c", "", 4),
        Call::new("d", JANUARY, 5),
    ];
    load(on, 0, calls).await;
    let swapped = vec![
        Call::new("a", FEBRUARY, 12).parts(&["4"]),
        Call::new("b", JANUARY, 13).parts(&["5"]),
        Call::new("c", JANUARY, 14),
        Call::new("d", "", 15),
    ];
    load(on, 1, swapped).await;
    let calls = by_key(on.rows("calls").await, &["id"]);
    let times: Vec<&Value> = calls.values().map(|row| &row["time"]).collect();
    let (january, february) = (json!("2026-01-02T10:00:00.000000Z"), json!("2026-02-02T10:00:00.000000Z"));
    assert_eq!(times, [&february, &january, &january, &Value::Null]);
    let parts = by_key(on.rows("call_parts").await, &["call_id", "idx"]);
    assert_eq!(parts.values().map(|row| &row["text"]).collect::<Vec<_>>(), [&json!("4"), &json!("5")]);
}

pub async fn a_wider_schema_keeps_the_old_rows(on: &impl Readback) {
    load(on, 0, vec![Call::new("a", JANUARY, 2).field("score", json!(7)), Call::new("b", FEBRUARY, 3)]).await;
    let wider = Call::new("c", FEBRUARY, 12).field("score", json!("high")).field("mood", json!("calm"));
    let report =
        Script::new(place(1), vec![wider]).widened().run(place(2), on).await.expect("the load lands");
    assert!(
        report.schema_changes.iter().any(|change| change.contains("mood")),
        "{:?}",
        report.schema_changes
    );
    let calls = by_key(on.rows("calls").await, &["id"]);
    let seen: Vec<(&Value, &Value)> = calls.values().map(|row| (&row["score"], &row["mood"])).collect();
    let null = Value::Null;
    assert_eq!(seen, [(&json!("7"), &null), (&null, &null), (&json!("high"), &json!("calm"))]);
    let state = on.open().await.inspect().await.expect("it is well");
    assert_eq!(*state.schemas[&super::parents().table], super::wider_parents());
    assert_eq!(on.open().await.remembered().await.expect("it remembers"), state.schemas);
}

pub async fn nested_values_and_odd_text_come_back_as_they_were(on: &impl Readback) {
    let odd = "\u{1F600} \"quoted\"\nnext line\t\u{202E}rtl \u{FFFD} \\N \\. ";
    let call = Call::new("a", JANUARY, 2)
        .field("title", json!(odd))
        .field("score", json!(i64::MAX))
        .field("tags", json!(["x", null, "", odd]))
        .field("place", json!({ "city": odd, "floor": null }))
        .parts(&[odd, ""]);
    let bare = Call::new("b", JANUARY, 3).field("tags", json!([])).field("title", Value::Null);
    load(on, 0, vec![call, bare]).await;
    let calls = by_key(on.rows("calls").await, &["id"]);
    let a = &calls["\"a\""];
    assert_eq!((&a["title"], &a["score"]), (&json!(odd), &json!(i64::MAX)));
    assert_eq!(a["tags"], json!(["x", null, "", odd]));
    assert_eq!(a["place"], json!({ "city": odd, "floor": null }));
    let b = &calls["\"b\""];
    assert_eq!((&b["title"], &b["tags"], &b["place"]), (&Value::Null, &json!([]), &Value::Null));
    let parts = by_key(on.rows("call_parts").await, &["call_id", "idx"]);
    assert_eq!(parts.values().map(|row| &row["text"]).collect::<Vec<_>>(), [&json!(odd), &json!("")]);
}

/// Runs load number `number`, counted from 0.
async fn load(on: &impl Readback, number: u64, calls: Vec<Call>) {
    Script::new(place(number), calls).run(place(number + 1), on).await.expect("the load lands");
}

/// The position before load `number`.
fn place(number: u64) -> Position {
    if number == 0 { Position::START } else { Position::new(number, 99) }
}
