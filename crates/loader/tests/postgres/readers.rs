//! Readers who look on: what they see while a load is under way, and what they can hold up.

use std::time::Duration;

use clarion_core::testing::destination::{Call, Readback, Script};
use clarion_core::{Destination, Kind, Position};
use serde_json::json;
use sqlx::Executor;

use super::database::{Database, first};
use super::merging::wait_for_a_waiter;

const JANUARY: &str = "2026-01-02T10:00:00Z";
const ONE: Position = Position { segment: 1, line: 99 };
const TWO: Position = Position { segment: 2, line: 99 };
const TITLES: &str = "SELECT string_agg(title, ',' ORDER BY id) FROM clari.calls";

async fn loaded() -> Option<Database> {
    let db = Database::fresh().await?;
    let calls = vec![Call::new("a", JANUARY, 2).parts(&["1"]), Call::new("b", JANUARY, 3)];
    Script::new(Position::START, calls).run(ONE, &db).await.expect("the load lands");
    Some(db)
}

#[tokio::test]
async fn readers_keep_the_old_rows_until_a_rebuild_is_complete() {
    let Some(db) = loaded().await else { return };
    db.run(
        "CREATE VIEW public.titles AS SELECT title FROM clari.calls; GRANT SELECT ON clari.calls TO PUBLIC",
    )
    .await;
    let mut fixed = db.session().await;
    fixed.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.expect("a reader begins");
    assert_eq!(first(&mut fixed, TITLES).await, "a at 2,b at 3");
    let mut moving = db.session().await;
    moving.execute("BEGIN ISOLATION LEVEL READ COMMITTED").await.expect("a reader begins");

    let anew = Script::new(Position::START, vec![Call::new("b", JANUARY, 12)]).replacing();
    let destination = db.destination();
    let mut load = destination.begin(anew.announced()).await.expect("it begins");
    load.write(anew.change()).await.expect("the rows are taken");
    assert_eq!(first(&mut moving, TITLES).await, "a at 2,b at 3");
    load.commit(TWO).await.expect("the rebuild lands");

    assert_eq!(first(&mut moving, TITLES).await, "b at 12");
    assert_eq!(first(&mut fixed, TITLES).await, "a at 2,b at 3", "a transaction keeps what it saw first");
    assert_eq!(
        db.text("SELECT string_agg(title, ',') FROM public.titles").await,
        "b at 12",
        "the view lives on"
    );
    let granted = "SELECT has_table_privilege('pg_monitor', 'clari.calls', 'SELECT')::text";
    assert_eq!(db.text(granted).await, "true");
}

#[tokio::test]
async fn a_new_column_waits_for_a_reader_and_then_comes() {
    let Some(db) = loaded().await else { return };
    let mut reader = db.session().await;
    reader.execute("BEGIN").await.expect("a reader begins");
    first(&mut reader, TITLES).await;
    let script = wider();
    let waiting = script.run(TWO, &db);
    let letting_go = async {
        wait_for_a_waiter(&db).await;
        reader.execute("COMMIT").await.expect("the reader ends");
    };
    let (report, ()) = tokio::join!(waiting, letting_go);
    let report = report.expect("the load lands once the reader is gone");
    assert!(report.schema_changes.iter().any(|change| change.contains("mood")), "{report:?}");
    assert_eq!(db.rows("calls").await.len(), 3);
}

#[tokio::test]
async fn a_reader_who_never_ends_is_named_as_a_lock() {
    let Some(mut db) = loaded().await else { return };
    db.lock_wait = Duration::from_millis(10);
    let mut reader = db.session().await;
    reader.execute("BEGIN").await.expect("a reader begins");
    first(&mut reader, TITLES).await;
    let refused = wider().run(TWO, &db).await.expect_err("the column cannot be added");
    assert_eq!((refused.kind(), refused.is_temporary()), (Kind::Storage, true), "{refused:?}");
    assert!(
        refused.to_string().contains("lock") && refused.to_string().contains("table: calls"),
        "{refused}"
    );
    assert_eq!(db.destination().inspect().await.expect("it is well").position, ONE);
}

#[tokio::test]
async fn a_view_on_a_column_that_must_widen_is_named() {
    let Some(db) = loaded().await else { return };
    db.run("CREATE VIEW public.scores AS SELECT score FROM clari.calls").await;
    let refused = wider().run(TWO, &db).await.expect_err("the view holds the column's type");
    assert!(refused.to_string().contains("column: score"), "{refused}");
    assert!(refused.to_string().contains("view"), "{refused}");
    db.run("DROP VIEW public.scores").await;
    wider().run(TWO, &db).await.expect("without the view it lands");
}

fn wider() -> Script {
    let call = Call::new("c", JANUARY, 12).field("score", json!("high")).field("mood", json!("calm"));
    Script::new(ONE, vec![call]).widened()
}
