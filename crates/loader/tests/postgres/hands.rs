//! Schemas that somebody changed by hand: named, with the way out, which works.

use clarion_core::testing::destination::{Call, Readback, Script, journal, purge};
use clarion_core::{Destination, Kind, Position};
use serde_json::json;

use super::database::Database;

const JANUARY: &str = "2026-01-02T10:00:00Z";
const ONE: Position = Position { segment: 1, line: 99 };
const TWO: Position = Position { segment: 2, line: 99 };

async fn damaged(by: &str) -> Option<Database> {
    let db = Database::fresh().await?;
    calls(Position::START).run(ONE, &db).await.expect("the load lands");
    db.run(by).await;
    Some(db)
}

fn calls(from: Position) -> Script {
    Script::new(from, vec![Call::new("a", JANUARY, 2).parts(&["1"]), Call::new("b", JANUARY, 3)])
}

/// The damage is named, a load is refused, and a rebuild repairs it.
async fn assert_named_and_repaired(db: &Database, words: &[&str]) {
    let remembered = db.destination().remembered().await.expect("what it was is remembered");
    assert!(remembered.values().any(|schema| schema.column("title").is_some()), "{remembered:?}");
    let found = db.destination().inspect().await.expect_err("the damage is seen");
    let refused = calls(ONE).run(TWO, db).await.expect_err("nothing is loaded into it");
    for error in [found, refused] {
        assert_eq!(error.kind(), Kind::Conflict, "{error:?}");
        for word in words {
            assert!(error.to_string().contains(word), "{word}: {error}");
        }
        let way_out = error.way_out().unwrap_or_default();
        assert!(way_out.contains("clarion replay --destination warehouse"), "{way_out}");
    }
    calls(Position::START).replacing().run(TWO, db).await.expect("a rebuild repairs it");
    assert_eq!(db.destination().inspect().await.expect("it is well").position, TWO);
    assert_eq!(db.rows("calls").await.len(), 2);
    assert_eq!(db.rows("call_parts").await.len(), 1);
}

#[tokio::test]
async fn a_dropped_column_is_named_and_a_rebuild_brings_it_back() {
    let Some(db) = damaged("ALTER TABLE clari.calls DROP COLUMN title").await else {
        return;
    };
    assert_named_and_repaired(&db, &["table: calls", "column: title"]).await;
}

#[tokio::test]
async fn a_retyped_column_is_named_and_a_rebuild_gives_its_type_back() {
    let Some(db) = damaged("ALTER TABLE clari.calls ALTER COLUMN score TYPE text").await else {
        return;
    };
    assert_named_and_repaired(&db, &["table: calls", "column: score", "bigint", "text"]).await;
}

#[tokio::test]
async fn a_rebuild_repairs_and_widens_a_table_at_once() {
    let Some(db) = damaged("ALTER TABLE clari.calls DROP COLUMN score").await else {
        return;
    };
    let wider = Script::new(Position::START, vec![Call::new("a", JANUARY, 12).field("score", json!("high"))]);
    wider.widened().replacing().run(TWO, &db).await.expect("a rebuild repairs it");
    assert_eq!(db.text("SELECT score || coalesce(mood, '-') FROM clari.calls").await, "high-");
    assert_eq!(db.destination().inspect().await.expect("it is well").position, TWO);
}

#[tokio::test]
async fn a_rebuild_that_widens_one_table_repairs_the_others_for_good() {
    let by = "ALTER TABLE clari.calls ADD CONSTRAINT theirs CHECK (id <> ''); DROP TABLE clari.call_parts; \
        CREATE VIEW public.scores AS SELECT score FROM clari.calls; ALTER TABLE clari.calls DROP COLUMN title";
    let Some(db) = damaged(by).await else { return };
    let wider = Script::new(Position::START, vec![Call::new("a", JANUARY, 12).field("score", json!("high"))]);
    wider.widened().replacing().run(TWO, &db).await.expect("a rebuild repairs it");
    assert_eq!(db.text("SELECT string_agg(score, ',') FROM public.scores").await, "high");
    assert_eq!(db.destination().inspect().await.expect("it is well").position, TWO);
}

#[tokio::test]
async fn a_dropped_table_is_named_and_a_rebuild_brings_it_back() {
    let Some(db) = damaged("DROP TABLE clari.call_parts").await else {
        return;
    };
    assert_named_and_repaired(&db, &["table: call_parts"]).await;
}

#[tokio::test]
async fn a_dropped_schema_is_a_fresh_start() {
    let Some(db) = damaged("DROP SCHEMA clari CASCADE").await else {
        return;
    };
    assert_eq!(db.destination().inspect().await.expect("it is empty").position, Position::START);
    calls(Position::START).run(TWO, &db).await.expect("the load lands");
    assert_eq!(db.rows("calls").await.len(), 2);
}

#[tokio::test]
async fn a_column_added_by_hand_stays_and_disturbs_nothing() {
    let Some(db) = damaged("ALTER TABLE clari.calls ADD COLUMN note text DEFAULT 'theirs'").await else {
        return;
    };
    Script::new(ONE, vec![Call::new("c", JANUARY, 12)]).run(TWO, &db).await.expect("the load lands");
    assert_eq!(db.text("SELECT string_agg(note, ',') FROM clari.calls").await, "theirs,theirs,theirs");
}

#[tokio::test]
async fn a_table_of_somebody_else_is_left_alone() {
    let Some(db) = Database::fresh().await else { return };
    db.run("CREATE SCHEMA clari; CREATE TABLE clari.calls (mine int); INSERT INTO clari.calls VALUES (1)")
        .await;
    let refused = calls(Position::START).run(ONE, &db).await.expect_err("it is not ours");
    assert_eq!(refused.kind(), Kind::Conflict, "{refused:?}");
    assert!(refused.to_string().contains("table: calls"), "{refused}");
    assert_eq!(db.text("SELECT count(*)::text FROM clari.calls").await, "1");
}

#[tokio::test]
async fn a_dropped_key_is_named() {
    let Some(db) = damaged("ALTER TABLE clari.calls DROP CONSTRAINT calls_pkey").await else {
        return;
    };
    let again = Script::new(ONE, vec![Call::new("a", JANUARY, 12)]);
    let refused = again.run(TWO, &db).await.expect_err("there is nothing to merge by");
    assert!(refused.to_string().contains("primary key"), "{refused}");
    calls(Position::START).replacing().run(TWO, &db).await.expect("a rebuild makes it anew");
    let again = Script::new(TWO, vec![Call::new("a", JANUARY, 12)]);
    again.run(Position { segment: 3, line: 9 }, &db).await.expect("there is something to merge by");
    assert_eq!(db.rows("calls").await.len(), 2);
}

#[tokio::test]
async fn a_dropped_metadata_table_is_named_and_a_rebuild_brings_it_back() {
    let Some(db) = damaged("DROP TABLE clari._clarion_loads").await else { return };
    assert_named_and_repaired(&db, &["metadata", "_clarion_loads"]).await;
}

#[tokio::test]
async fn a_destination_of_before_journals_had_ids_learns_its_journal_with_the_next_load() {
    let Some(db) = damaged("ALTER TABLE clari._clarion_position DROP COLUMN journal").await else {
        return;
    };
    let state = db.destination().inspect().await.expect("it is well");
    assert_eq!((state.position, state.journal), (ONE, None));
    calls(ONE).run(TWO, &db).await.expect("it is taken at its word");
    assert_eq!(db.destination().inspect().await.expect("it is well").journal, Some(journal(1)));
    db.run("ALTER TABLE clari._clarion_position DROP COLUMN journal").await;
    assert_eq!(purge(&["a"], 1, &db).await.expect("the purge lands"), 2);
    assert_eq!(db.destination().inspect().await.expect("it is well").position, TWO);
}
