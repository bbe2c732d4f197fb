//! The process killed between any two steps of a load: the tables are as before or as after, never in between.

use clarion_core::testing::destination::{Call, Script};
use clarion_core::{Destination, Position, fault};
use clarion_loader::{PostgresDestination, PostgresSettings};
use serde_json::json;
use std::process::Command;

use super::database::{Database, first as first_of};

const ONE: Position = Position { segment: 1, line: 99 };
const TWO: Position = Position { segment: 2, line: 99 };
const URL: &str = "CLARION_TEST_KILLED_URL";
const WIDER: &str = "CLARION_TEST_KILLED_WIDER";
const STATE: &str = "SELECT (SELECT position::text FROM clari._clarion_position) || ' ' || \
    (SELECT string_agg(title, ',' ORDER BY id) FROM clari.calls) || ' ' || \
    (SELECT string_agg(text, ',' ORDER BY call_id, idx) FROM clari.call_parts)";

fn first() -> Script {
    Script::new(Position::START, vec![Call::new("a", "2026-01-02T10:00:00Z", 2).parts(&["1", "2"])])
}

fn second() -> Script {
    let calls = vec![
        Call::new("a", "2026-01-02T10:00:00Z", 12).parts(&["3"]),
        Call::new("b", "2026-01-03T10:00:00Z", 13).parts(&["4"]),
    ];
    Script::new(ONE, calls)
}

/// The second load after `score` has met text.
fn wider() -> Script {
    let mut script = second().widened();
    script.calls[1] = script.calls[1].clone().field("score", json!("high"));
    script
}

/// Runs the second load in a process of its own with these fail points; gives the tables' state after it.
async fn killed(at: &str) -> Option<(String, Database)> {
    let db = Database::fresh().await?;
    first().run(ONE, &db).await.expect("the load lands");
    Some(kill(db, at, "").await)
}

/// Runs it in a database that has seen the first one.
async fn kill(db: Database, at: &str, wider: &str) -> (String, Database) {
    let child = child(&db, at, wider);
    assert!(child.status.code().is_none(), "{at} never fired: {}", String::from_utf8_lossy(&child.stderr));
    (db.text(STATE).await, db)
}

/// Runs the second load to its end, which may be a violent one.
fn child(db: &Database, at: &str, wider: &str) -> std::process::Output {
    let me = std::env::current_exe().expect("a test has a program");
    let child = Command::new(me)
        .args(["--exact", "postgres::kills::the_process_that_is_killed", "--ignored", "--nocapture"])
        .env("FAILPOINTS", at)
        .env(URL, db.url())
        .env(WIDER, wider)
        .output();
    child.expect("the process starts")
}

#[tokio::test]
#[ignore = "the other tests run it in a process of its own"]
async fn the_process_that_is_killed() {
    fault::setup();
    let Some(url) = std::env::var_os(URL) else { return };
    let settings = PostgresSettings::new(url.into_string().expect("a URL is text"));
    let destination = PostgresDestination::connect("warehouse", settings).expect("the settings are right");
    let script =
        if std::env::var_os(WIDER).is_some_and(|text| !text.is_empty()) { wider() } else { second() };
    let mut load = destination.begin(script.announced()).await.expect("it begins");
    load.write(script.change()).await.expect("the rows are taken");
    load.commit(TWO).await.expect("the load lands");
}

#[tokio::test]
async fn a_load_killed_anywhere_is_as_before_or_as_after_and_can_be_done_again() {
    let before = format!("{} a at 2 1,2", ONE.pack());
    let after = format!("{} a at 12,b at 13 3,4", TWO.pack());
    for (point, expected) in [
        ("postgres.staged", &before),
        ("postgres.merged", &before),
        ("postgres.before_commit", &before),
        ("postgres.committed", &after),
    ] {
        let Some((state, db)) = killed(&format!("{point}=return")).await else {
            return;
        };
        assert_eq!(&state, expected, "{point}");
        if state == before {
            second().run(TWO, &db).await.expect("the next run loads it");
        }
        assert_eq!(db.text(STATE).await, after, "{point}");
    }
}

#[tokio::test]
async fn a_widening_that_waits_for_no_reader_of_an_older_state_is_caught() {
    let Some(db) = Database::fresh().await else { return };
    first().run(ONE, &db).await.expect("the load lands");
    db.run("UPDATE clari.calls SET score = 5").await;
    let mut fixed = db.session().await;
    let snapshot = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1";
    sqlx::Executor::execute(&mut fixed, sqlx::raw_sql(snapshot)).await.expect("a reader begins");
    let done = child(&db, "postgres.no_snapshot_wait=return", "yes");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let read = "SELECT string_agg(coalesce(score::text, 'lost'), ',') FROM clari.calls";
    assert_eq!(first_of(&mut fixed, read).await, "lost", "the planted defect shows an empty column");
}

#[tokio::test]
async fn a_position_that_is_committed_before_its_data_is_caught() {
    let at = "postgres.position_first=return;postgres.before_commit=return";
    let Some((state, db)) = killed(at).await else {
        return;
    };
    assert_eq!(state, format!("{} a at 2 1,2", TWO.pack()), "the planted defect loses the load");
    assert_eq!(db.destination().inspect().await.expect("it is well").position, TWO);
}

#[tokio::test]
async fn a_widening_killed_anywhere_shows_the_column_as_before_or_as_after_and_can_be_done_again() {
    const SCORES: &str = "SELECT pg_typeof(score) || string_agg(coalesce(score::text, '-'), ',' ORDER BY id) \
        FROM public.scores GROUP BY pg_typeof(score)";
    const SHADOWS: &str = "SELECT count(*)::text FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid \
        WHERE attname LIKE '\\_clarion%' AND relkind = 'r' OR relname LIKE '\\_clarion\\_wide%'";
    for (point, expected) in [
        ("postgres.columns_added", "bigint7"),
        ("postgres.shadow_added", "bigint7"),
        ("postgres.shadow_batch", "bigint7"),
        ("postgres.shadow_filled", "bigint7"),
        ("postgres.shadow_built", "bigint7"),
        ("postgres.shadow_in_place", "bigint7"),
        ("postgres.shadow_swapped", "text7"),
        ("postgres.merged", "text7"),
        ("postgres.committed", "text-,high"),
    ] {
        for goes_on in [true, false] {
            let Some(db) = Database::fresh().await else { return };
            let mut prepared = first();
            prepared.calls[0] = prepared.calls[0].clone().field("score", json!(7));
            prepared.run(ONE, &db).await.expect("the load lands");
            let by = "CREATE VIEW public.scores AS SELECT id, score FROM clari.calls; \
                CREATE INDEX scored ON clari.calls (score)";
            db.run(by).await;
            let (_, db) = kill(db, &format!("{point}=return"), "yes").await;
            assert_eq!(db.text(SCORES).await, expected, "{point}");
            if point == "postgres.committed" {
                continue;
            }
            let (again, after) = if goes_on {
                (wider(), "text7,high")
            } else {
                (second(), if expected == "bigint7" { "bigint-,-" } else { "text-,-" })
            };
            again.run(TWO, &db).await.expect("the next run loads it");
            let after = after.replace("text7,high", "text-,high");
            assert_eq!(db.text(SCORES).await, after, "{point}");
            assert_eq!(db.text(SHADOWS).await, "0", "{point} left something behind");
            let index = "SELECT pg_get_indexdef('clari.scored'::regclass) || (SELECT indisvalid FROM pg_index \
                WHERE indexrelid = 'clari.scored'::regclass)";
            assert_eq!(
                db.text(index).await,
                "CREATE INDEX scored ON clari.calls USING btree (score)true",
                "{point}"
            );
        }
    }
}
