//! How loads meet rows that are there: what is written, what is left alone, what a dropped load leaves.

use clarion_core::testing::destination::{Call, Readback, Script};
use clarion_core::{Destination, Kind, Position};
use clarion_loader::Deletes;
use serde_json::Value;

use super::database::Database;

const JANUARY: &str = "2026-01-02T10:00:00Z";
const VERSIONS: &str = "SELECT string_agg(id || xmin::text || ctid::text, ' ' ORDER BY id) FROM clari.calls";

fn place(number: u64) -> Position {
    if number == 0 { Position::START } else { Position::new(number, 99) }
}

async fn load(on: &Database, number: u64, calls: Vec<Call>) -> clarion_core::LoadReport {
    Script::new(place(number), calls).run(place(number + 1), on).await.expect("the load lands")
}

#[tokio::test]
async fn the_same_version_again_makes_no_new_row_version() {
    let Some(db) = Database::fresh().await else { return };
    let calls = || vec![Call::new("a", JANUARY, 2).parts(&["1", "2"]), Call::new("b", JANUARY, 3)];
    load(&db, 0, calls()).await;
    let before = db.text(VERSIONS).await;
    let parts = "SELECT string_agg(idx || xmin::text || ctid::text, ' ' ORDER BY idx) FROM clari.call_parts";
    let parts_before = db.text(parts).await;
    let report = load(&db, 1, calls()).await;
    assert_eq!(db.text(VERSIONS).await, before);
    assert_eq!(db.text(parts).await, parts_before, "the children of a record that did not change stay too");
    assert!(report.rows.is_empty(), "{report:?}");
    assert_eq!(db.destination().inspect().await.expect("it is well").position, place(2));
}

#[tokio::test]
async fn a_load_of_nothing_at_the_same_position_writes_nothing() {
    let Some(db) = Database::fresh().await else { return };
    load(&db, 0, vec![Call::new("a", JANUARY, 2)]).await;
    let before = db.text("SELECT xmin::text || ctid::text FROM clari._clarion_position").await;
    let load = db.destination().begin(Script::new(place(1), vec![]).announced()).await.expect("it begins");
    load.commit(place(1)).await.expect("there is nothing to do");
    assert_eq!(db.text("SELECT xmin::text || ctid::text FROM clari._clarion_position").await, before);
}

#[tokio::test]
async fn the_counts_of_rows_follow_inserts_updates_and_children() {
    let Some(mut db) = Database::fresh().await else {
        return;
    };
    load(&db, 0, vec![Call::new("a", JANUARY, 2).parts(&["1", "2", "3"]), Call::new("b", JANUARY, 3)]).await;
    load(&db, 1, vec![Call::new("a", JANUARY, 12).parts(&["4"]), Call::new("c", JANUARY, 13)]).await;
    assert_counts(&db, 3, 1).await;
    db.deletes = Deletes::Remove;
    let gone =
        Script::new(place(2), vec![]).deleting("a", Position::new(1, 22)).deleting("z", Position::new(1, 23));
    let report = gone.run(place(3), &db).await.expect("the load lands");
    assert_eq!(report.rows.values().sum::<u64>(), 2);
    assert_counts(&db, 2, 0).await;
    assert_eq!(db.text("SELECT string_agg(id, ',' ORDER BY id) FROM clari.calls").await, "b,c");
}

async fn assert_counts(db: &Database, calls: u64, parts: u64) {
    let state = db.destination().inspect().await.expect("it is well");
    let rows: Vec<u64> = state.tables.values().map(|stats| stats.rows).collect();
    assert_eq!(rows, [parts, calls], "by name: call_parts, calls");
    assert_eq!(db.text("SELECT count(*)::text FROM clari.calls").await, calls.to_string());
    assert_eq!(db.text("SELECT count(*)::text FROM clari.call_parts").await, parts.to_string());
}

#[tokio::test]
async fn an_older_tombstone_marks_nothing() {
    let Some(db) = Database::fresh().await else { return };
    load(&db, 0, vec![Call::new("a", JANUARY, 9).parts(&["1"])]).await;
    let late = Script::new(place(1), vec![]).deleting("a", Position::new(1, 8));
    late.run(place(2), &db).await.expect("the load lands");
    for table in ["calls", "call_parts"] {
        assert_eq!(db.rows(table).await[0]["_deleted_at"], Value::Null, "{table}");
    }
}

#[tokio::test]
async fn a_load_whose_server_process_dies_leaves_everything_as_it_was() {
    let Some(db) = Database::fresh().await else { return };
    load(&db, 0, vec![Call::new("a", JANUARY, 2).parts(&["1"])]).await;
    let script = Script::new(place(1), vec![Call::new("a", JANUARY, 12), Call::new("b", JANUARY, 13)]);
    let destination = db.destination();
    let mut dying = destination.begin(script.announced()).await.expect("it begins");
    dying.write(script.change()).await.expect("the rows are taken");
    db.run(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'clarion'",
    )
    .await;
    let lost = dying.commit(place(2)).await.expect_err("its connection is gone");
    assert_eq!((lost.kind(), lost.is_temporary()), (Kind::Storage, true), "{lost:?}");
    assert_eq!(
        db.text("SELECT string_agg(id || _position, ',') FROM clari.calls").await,
        format!("a{}", (1 << 24) + 2)
    );
    assert_eq!(destination.inspect().await.expect("it is well").position, place(1));
    script.run(place(2), &db).await.expect("the next run loads it");
    assert_counts(&db, 2, 0).await;
}

#[tokio::test]
async fn a_load_that_failed_cannot_be_committed() {
    let Some(db) = Database::fresh().await else { return };
    let twice = vec![Call::new("a", JANUARY, 2), Call::new("b", JANUARY, 3)];
    load(&db, 0, twice).await;
    db.run(
        "ALTER TABLE clari.calls ADD COLUMN theirs int NOT NULL DEFAULT 1; \
            ALTER TABLE clari.calls ALTER COLUMN theirs DROP DEFAULT",
    )
    .await;
    let script = Script::new(place(1), vec![Call::new("c", JANUARY, 12)]);
    let destination = db.destination();
    let mut failing =
        destination.begin(script.announced()).await.expect("a column that is not ours is no damage");
    let refused = failing.write(script.change()).await.expect_err("their column refuses null");
    assert!(refused.chain().contains("theirs"), "{}", refused.chain());
    let again = failing.write(script.change()).await.expect_err("it cannot go on");
    assert_eq!(again.kind(), Kind::Conflict);
    assert_eq!(failing.commit(place(2)).await.expect_err("nor be committed").kind(), Kind::Conflict);
    assert_eq!(destination.inspect().await.expect("it is well").position, place(1));
}

#[tokio::test]
async fn two_loads_at_once_follow_each_other() {
    let Some(db) = Database::fresh().await else { return };
    let first = Script::new(place(0), vec![Call::new("a", JANUARY, 2)]);
    let second = Script::new(place(1), vec![Call::new("b", JANUARY, 12)]);
    let destination = db.destination();
    let mut leading = destination.begin(first.announced()).await.expect("it begins");
    leading.write(first.change()).await.expect("the rows are taken");
    let following = destination.begin(second.announced());
    let ending = async {
        wait_for_a_waiter(&db).await;
        leading.commit(place(1)).await
    };
    let (following, ended) = tokio::join!(following, ending);
    ended.expect("the first lands");
    let mut following = following.expect("the second sees the first one's position");
    following.write(second.change()).await.expect("the rows are taken");
    following.commit(place(2)).await.expect("the second lands");
    assert_eq!(db.rows("calls").await.len(), 2);
}

/// Until a session of this database waits for a lock.
pub(crate) async fn wait_for_a_waiter(db: &Database) {
    let mut session = db.session().await;
    let waiting = "SELECT count(*)::text FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                   WHERE NOT l.granted AND a.datname = current_database()";
    while super::database::first(&mut session, waiting).await == "0" {
        tokio::task::yield_now().await;
    }
}
