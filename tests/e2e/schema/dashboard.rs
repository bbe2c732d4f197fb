//! A dashboard that reads in a loop, in transactions that see one state, while everything changes below it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clarion_simulator::Edit;
use clarion_test_postgres::first;
use serde_json::json;
use sqlx::{Connection as _, Executor as _, PgConnection};

use crate::harness::{Layout, Workspace, simulate, small};

/// What must hold in every state, as violations in words; each query by itself, since a dashboard asks one by one.
const ASKED: [&str; 6] = [
    "SELECT 'calls: ' || count(*) FROM clari.calls HAVING count(*) < 60",
    "SELECT 'call_details: ' || count(*) FROM clari.call_details HAVING count(*) < 40",
    "SELECT 'participants: ' || count(*) FROM clari.call_participants HAVING count(*) < 60",
    "SELECT 'turns that are not of their call: ' || count(*) FROM clari.transcript_turns t \
     LEFT JOIN clari.call_details d ON d.id = t.call_id WHERE d._position IS DISTINCT FROM t._position \
     HAVING count(*) > 0",
    "SELECT 'participants that are not of their call: ' || count(*) FROM clari.call_participants p \
     LEFT JOIN clari.calls c ON c.id = p.call_id WHERE c._position IS DISTINCT FROM p._position HAVING count(*) > 0",
    // Whatever its type is at that moment.
    "SELECT 'durations: ' || count(call_duration) FROM clari.calls HAVING count(call_duration) <> (SELECT count(*) \
     FROM clari.calls WHERE metrics ->> 'call_duration' IS NOT NULL)",
];

async fn look(session: &mut PgConnection) -> Result<String, sqlx::Error> {
    session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let mut found = first(session, "SELECT position::text FROM clari._clarion_position").await;
    found.insert(0, ' ');
    let mut violations = String::new();
    for query in ASKED {
        let wrong = format!("SELECT string_agg(v, '; ') FROM ({query}) AS asked (v)");
        violations += &first(session, &wrong).await;
    }
    session.execute("COMMIT").await?;
    Ok(violations + &found)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dashboard_sees_parents_with_their_children_and_never_an_empty_table() {
    let simulator = simulate(small(60)).await;
    let workspace = Workspace::new(&simulator.url(), Layout { lake: false, ..Layout::both().await });
    let Some(database) = workspace.warehouse() else { return };
    workspace.sync();
    database.run("CREATE VIEW public.durations AS SELECT id, call_duration FROM clari.calls").await;
    let mut session = PgConnection::connect(&database.url()).await.expect("the server is there");
    let stop = Arc::new(AtomicBool::new(false));
    let stopped = stop.clone();
    let dashboard = tokio::spawn(async move {
        let (mut states, mut looks) = (std::collections::BTreeSet::new(), 0_u64);
        while !stopped.load(Ordering::Relaxed) {
            let seen = look(&mut session).await.expect("the dashboard is answered");
            let (violations, position) = seen.rsplit_once(' ').expect("a position was read");
            assert_eq!(violations, "", "at {position}");
            states.insert(position.to_owned());
            looks += 1;
        }
        (states.len(), looks)
    });
    let control = simulator.control();
    for (number, id) in control.call_ids().into_iter().enumerate() {
        if number % 3 == 0 {
            control.edit(Edit::Patch { id, merge: json!({ "title": format!("anew {number}") }) });
        }
    }
    workspace.run(&["sync", "--full"]).expect(0);
    control.edit(Edit::ChangeType { field: "metrics/call_duration".to_owned() });
    control.edit(Edit::AddField { name: "hostMood".to_owned(), value: json!({ "score": 1 }) });
    workspace.run(&["sync", "--full"]).expect(0);
    workspace.run(&["replay", "--destination", "warehouse"]).expect(0);
    control.edit(Edit::ChangeType { field: "transcript/*/personId".to_owned() });
    workspace.run(&["sync", "--full"]).expect(0);
    stop.store(true, Ordering::Relaxed);
    let (states, looks) = dashboard.await.expect("the dashboard saw nothing wrong");
    assert!(states >= 3, "{states} states in {looks} looks");
    assert_eq!(
        database.rows("SELECT pg_typeof(call_duration)::text AS t FROM public.durations LIMIT 1").await[0]["t"],
        "text"
    );
}
