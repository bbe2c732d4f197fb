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
async fn a_view_on_a_column_that_must_widen_is_made_again() {
    let Some(db) = loaded().await else { return };
    db.run("CREATE VIEW public.scores AS SELECT score FROM clari.calls").await;
    wider().run(TWO, &db).await.expect("the column widens");
    assert_eq!(db.text("SELECT string_agg(score, ',') FROM public.scores").await, "high");
}

fn wider() -> Script {
    let call = Call::new("c", JANUARY, 12).field("score", json!("high")).field("mood", json!("calm"));
    Script::new(ONE, vec![call]).widened()
}

/// Many rows, and a reader that loops; gives its longest wait and what it saw.
async fn watch(
    db: &Database,
    relation: &str,
    stop: std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> (Duration, u64) {
    let mut reader = db.session().await;
    let query = format!("SELECT string_agg(score::text, ',') FROM {relation} WHERE id IN ('c7', 'c9')");
    let (mut longest, mut reads) = (Duration::ZERO, 0);
    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
        let begun = std::time::Instant::now();
        let seen = first(&mut reader, &query).await;
        longest = longest.max(begun.elapsed());
        assert_eq!(seen, "7,9");
        reads += 1;
    }
    (longest, reads)
}

/// A million rows take a while even here; the figure is in benches/README.md, and `examples/postgres_widening.rs` measures it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_rows_widen_in_place_while_somebody_reads() {
    let Some(db) = loaded().await else { return };
    db.run(
        "DELETE FROM clari.calls; INSERT INTO clari.calls (id, time, title, score, _position) \
         SELECT 'c' || n, '2026-01-01', 'call ' || n, n, 1 FROM generate_series(1, 1000000) n; \
         UPDATE clari._clarion_tables SET rows = 1000000 WHERE \"table\" = 'calls'; \
         CREATE VIEW public.scores AS SELECT id, score FROM clari.calls; CREATE INDEX scored ON clari.calls (score); \
         ANALYZE clari.calls",
    )
    .await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let script = wider();
    let work = async {
        let report = script.run(TWO, &db).await.expect("the column widens");
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        report
    };
    // Who reads a view locks it before the table.
    let (report, of_table, of_view) = tokio::join!(
        work,
        watch(&db, "clari.calls", stop.clone()),
        watch(&db, "public.scores", stop.clone())
    );
    let (longest, reads) = (of_table.0.max(of_view.0), of_table.1 + of_view.1);
    assert!(
        report.schema_changes.iter().any(|change| change.contains("widened from integer to text")),
        "{report:?}"
    );
    let sum = "SELECT count(*) || ' ' || count(score) || ' ' || sum(score::bigint) FROM public.scores WHERE score <> 'high'";
    assert_eq!(db.text(sum).await, "1000000 1000000 500000500000");
    println!("longest read {longest:?} of {reads}");
    assert!(longest < Duration::from_secs(1), "a reader waited {longest:?}");
}

#[tokio::test]
async fn whoever_reads_an_older_state_keeps_its_values_through_a_widening() {
    let Some(mut db) = loaded().await else { return };
    db.run("UPDATE clari.calls SET score = 5").await;
    let mut fixed = db.session().await;
    fixed.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await.expect("a reader begins");
    // The snapshot is taken here, and the table is not touched: no lock keeps the widening from its exchange.
    first(&mut fixed, "SELECT 1::text").await;
    db.lock_wait = Duration::from_millis(300);
    let refused = wider().run(TWO, &db).await.expect_err("the reader would find nothing in the column");
    assert_eq!((refused.kind(), refused.is_temporary()), (Kind::Storage, true), "{refused:?}");
    assert!(refused.to_string().contains("older state"), "{refused}");
    assert_eq!(first(&mut fixed, "SELECT string_agg(score::text, ',') FROM clari.calls").await, "5,5");
    fixed.execute("COMMIT").await.expect("the reader ends");
    wider().run(TWO, &db).await.expect("the widening goes on where it was");
    assert_eq!(db.text("SELECT string_agg(score, ',' ORDER BY id) FROM clari.calls").await, "5,5,high");
}
