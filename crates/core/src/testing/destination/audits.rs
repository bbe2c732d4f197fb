//! An audit: everything shown once, differences named, nobody held up.

use serde_json::json;

use super::Readback;
use super::fixture::{Call, Script, parents, schemas};
use crate::testing::rows::batch;
use crate::{Audit, Deviation, Kind, Position, RecordKey, TableName};

const ONE: Position = Position { segment: 1, line: 9 };
const TWO: Position = Position { segment: 2, line: 9 };
const CALLS: TableName = TableName::of("calls");
const PARTS: TableName = TableName::of("call_parts");

pub(super) async fn all<R, F>(fresh: &impl Fn() -> F)
where
    R: Readback,
    F: Future<Output = R>,
{
    an_audit_of_a_fresh_destination_shows_nothing(&fresh().await).await;
    an_audit_shows_every_row_by_what_places_it(&fresh().await).await;
    an_audit_tells_rows_that_are_marked(&fresh().await).await;
    an_audit_names_what_differs(&fresh().await).await;
    an_audit_holds_up_no_load_and_never_mixes_two(&fresh().await).await;
}

pub async fn an_audit_of_a_fresh_destination_shows_nothing(on: &impl Readback) {
    let mut audit = on.open().await.audit().await.expect("there is nothing that could be wrong");
    assert_eq!(audit.state().position, Position::START);
    assert_eq!(shown(audit.as_mut(), &CALLS).await, Vec::<String>::new());
    assert_eq!(audit.damages(), Vec::<String>::new());
    audit.finish().await.expect("nothing changed");
}

pub async fn an_audit_shows_every_row_by_what_places_it(on: &impl Readback) {
    script().run(ONE, on).await.expect("the load lands");
    let mut audit = on.open().await.audit().await.expect("it opens");
    assert_eq!(audit.state().position, ONE);
    assert_eq!(*audit.state().schemas[&CALLS], parents());
    for _ in 0..2 {
        assert_eq!(shown(audit.as_mut(), &CALLS).await, ["a at 1:2", "b at 1:3", "n at 1:4"]);
        assert_eq!(shown(audit.as_mut(), &PARTS).await, ["a/0 at 1:2", "a/1 at 1:2", "b/0 at 1:3"]);
    }
    assert_eq!(shown(audit.as_mut(), &TableName::of("nobodys")).await, Vec::<String>::new());
    assert_eq!(audit.damages(), Vec::<String>::new());
    audit.finish().await.expect("nothing changed");
}

pub async fn an_audit_tells_rows_that_are_marked(on: &impl Readback) {
    script().run(ONE, on).await.expect("the load lands");
    let deleting = Script::new(ONE, Vec::new()).deleting("a", Position::new(2, 3));
    deleting.run(TWO, on).await.expect("the load lands");
    let mut audit = on.open().await.audit().await.expect("it opens");
    let kept: &[&str] = if audit.keeps_deleted() { &["a at 2:3, marked"] } else { &[] };
    let expected: Vec<&str> = kept.iter().copied().chain(["b at 1:3", "n at 1:4"]).collect();
    assert_eq!(shown(audit.as_mut(), &CALLS).await, expected);
    audit.finish().await.expect("nothing changed");
}

pub async fn an_audit_names_what_differs(on: &impl Readback) {
    let script = script();
    script.run(ONE, on).await.expect("the load lands");
    let mut audit = on.open().await.audit().await.expect("it opens");
    assert_eq!(compared(audit.as_mut(), &script, &["a", "b", "n"]).await, Vec::<String>::new());
    assert_eq!(compared(audit.as_mut(), &script, &["a", "b", "n"]).await, Vec::<String>::new(), "again");

    let mut other = script.clone();
    other.calls[0].fields.insert("title".into(), json!("another"));
    other.calls[0].fields.insert("tags".into(), json!(["x", null]));
    other.calls[0].parts[1] = "another".into();
    other.calls[1].parts.push("one more".into());
    other.calls.push(Call::new("c", "2026-03-01T10:00:00Z", 5));
    other.spec.loaded_at += chrono::Duration::days(1);
    let expected = ["a: title, tags", "c: no such row", "a/1: text", "b/1: no such row"];
    assert_eq!(compared(audit.as_mut(), &other, &["a", "b", "c", "n"]).await, expected);

    other.calls.truncate(1);
    other.calls[0] = script.calls[0].clone();
    other.calls[0].parts.truncate(1);
    let expected = ["b: a row too many", "a/1: a row too many", "b/0: a row too many"];
    assert_eq!(compared(audit.as_mut(), &other, &["a", "b"]).await, expected);
    audit.finish().await.expect("nothing changed");
}

pub async fn an_audit_holds_up_no_load_and_never_mixes_two(on: &impl Readback) {
    script().run(ONE, on).await.expect("the load lands");
    let mut audit = on.open().await.audit().await.expect("it opens");
    let before = shown(audit.as_mut(), &CALLS).await;
    let later = Script::new(ONE, vec![Call::new("a", "2026-01-02T10:00:00Z", 20).parts(&["x"])]);
    later.run(TWO, on).await.expect("a load is not held up");
    let after = shown(audit.as_mut(), &CALLS).await;
    match audit.finish().await {
        Ok(()) => assert_eq!(before, after, "one state is shown"),
        Err(error) => assert!(error.kind() == Kind::Conflict && error.is_temporary(), "{error:?}"),
    }
    let mut again = on.open().await.audit().await.expect("it opens");
    assert_eq!(shown(again.as_mut(), &CALLS).await[0], "a at 1:20");
    again.finish().await.expect("nothing changed");
}

fn script() -> Script {
    let calls = vec![
        Call::new("a", "2026-01-02T10:00:00Z", 2).parts(&["one", "two"]).field("tags", json!(["x"])),
        Call::new("b", "2026-02-02T10:00:00Z", 3)
            .parts(&["three"])
            .field("place", json!({"city": "Köln", "floor": 3})),
        Call::new("n", "", 4),
    ];
    Script::new(Position::START, calls)
}

async fn shown(audit: &mut dyn Audit, table: &TableName) -> Vec<String> {
    let mut rows = Vec::new();
    let mut show = |row: crate::AuditRow<'_>| {
        let mut text = row.record.to_owned();
        row.index.iter().for_each(|index| text += &format!("/{index}"));
        text += &row.position.map_or_else(|| " nowhere".to_owned(), |position| format!(" at {position}"));
        rows.push(if row.deleted { text + ", marked" } else { text });
    };
    audit.rows(table, &mut show).await.expect("the table can be read");
    rows.sort();
    rows
}

/// What differs from the script's rows of these calls, parents first.
async fn compared(audit: &mut dyn Audit, script: &Script, ids: &[&str]) -> Vec<String> {
    let keys: Vec<RecordKey> =
        ids.iter().map(|&id| RecordKey::parse(id).expect("the test's key is a key")).collect();
    let [parent, child] = schemas();
    let calls: Vec<_> = script.calls.iter().map(|call| call.row(&script.spec)).collect();
    let parts: Vec<_> = script.calls.iter().flat_map(|call| call.part_rows(&script.spec)).collect();
    let mut found = Vec::new();
    for (schema, rows) in [(parent, calls), (child, parts)] {
        let expected = batch(&schema, &rows);
        let differences = audit.compare(&schema, &keys, &expected).await.expect("the rows can be compared");
        let mut texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
        assert!(differences.iter().all(|difference| difference.what != Deviation::Columns(Vec::new())));
        texts.sort();
        found.extend(texts);
    }
    found
}
