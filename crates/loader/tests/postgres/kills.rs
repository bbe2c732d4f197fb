//! The process killed between any two steps of a load: the tables are as before or as after, never in between.

use clarion_core::testing::destination::{Call, Script};
use clarion_core::{Destination, Position, fault};
use clarion_loader::{PostgresDestination, PostgresSettings};
use std::process::Command;

use super::database::Database;

const ONE: Position = Position { segment: 1, line: 99 };
const TWO: Position = Position { segment: 2, line: 99 };
const URL: &str = "CLARION_TEST_KILLED_URL";
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

/// Runs the second load in a process of its own with these fail points; gives the tables' state after it.
async fn killed(at: &str) -> Option<(String, Database)> {
    let db = Database::fresh().await?;
    first().run(ONE, &db).await.expect("the load lands");
    let me = std::env::current_exe().expect("a test has a program");
    let child = Command::new(me)
        .args(["--exact", "postgres::kills::the_process_that_is_killed", "--ignored", "--nocapture"])
        .env("FAILPOINTS", at)
        .env(URL, db.url())
        .output();
    let child = child.expect("the process starts");
    assert!(child.status.code().is_none(), "{at} never fired: {}", String::from_utf8_lossy(&child.stderr));
    Some((db.text(STATE).await, db))
}

#[tokio::test]
#[ignore = "the other tests run it in a process of its own"]
async fn the_process_that_is_killed() {
    fault::setup();
    let Some(url) = std::env::var_os(URL) else { return };
    let settings = PostgresSettings::new(url.into_string().expect("a URL is text"));
    let destination = PostgresDestination::connect("warehouse", settings).expect("the settings are right");
    let mut load = destination.begin(second().announced()).await.expect("it begins");
    load.write(second().change()).await.expect("the rows are taken");
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
async fn a_position_that_is_committed_before_its_data_is_caught() {
    let at = "postgres.position_first=return;postgres.before_commit=return";
    let Some((state, db)) = killed(at).await else {
        return;
    };
    assert_eq!(state, format!("{} a at 2 1,2", TWO.pack()), "the planted defect loses the load");
    assert_eq!(db.destination().inspect().await.expect("it is well").position, TWO);
}
