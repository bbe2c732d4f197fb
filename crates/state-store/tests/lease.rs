//! The lease beyond its contract: two machines, dying sessions, lost stores.

use clarion_core::{Kind, Lease};
use sqlx::{Connection, Executor, PgConnection};

use crate::place::Place;

const KEY: i64 = 0x0063_6c61_7269_6f6e;

#[tokio::test]
async fn a_second_machine_is_refused_and_told_who_holds_the_lease() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    let (here, there) = (place.open().await, place.open().await);
    let elsewhere = tempfile::tempdir().unwrap();
    let guard = here.lease(place.path()).take("sync").await.unwrap();
    let refused = there.lease(elsewhere.path()).take("load").await.err().unwrap();
    assert_eq!(refused.kind(), Kind::Conflict);
    let text = refused.to_string();
    assert!(text.contains("sync") && text.contains(&std::process::id().to_string()), "{text}");
    drop(guard);
}

#[tokio::test]
async fn a_dying_session_of_the_same_lock_file_is_waited_for() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    let store = place.open().await;
    let mut watcher = PgConnection::connect(&place.settings.url).await.unwrap();
    // The name under which a session of this lock file appears, taken from one that lives.
    let guard = store.lease(place.path()).take("sync").await.unwrap();
    let name: String = sqlx::query_scalar("SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'clarion %' AND datname = current_database()")
        .fetch_one(&mut watcher)
        .await
        .unwrap();
    drop(guard);
    let mut dying = PgConnection::connect(&place.settings.url).await.unwrap();
    sqlx::query("SELECT set_config('application_name', $1, false)")
        .bind(&name)
        .execute(&mut dying)
        .await
        .unwrap();
    sqlx::query("SELECT pg_advisory_lock($1)").bind(KEY).execute(&mut dying).await.unwrap();

    let lease = store.lease(place.path());
    let taking = tokio::spawn(async move { lease.take("sync").await.map(|guard| guard.fence()) });
    // Wait until the taker has asked for the lock and was told no.
    let asked = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name LIKE 'clarion %' \
         AND datname = current_database() AND query LIKE '%pg_locks%'";
    while sqlx::query_scalar::<_, i64>(asked).fetch_one(&mut watcher).await.unwrap() < 1 {
        tokio::task::yield_now().await;
    }
    dying.close().await.unwrap();
    taking.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_that_is_cut_off_gives_the_lease_to_the_next() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    let store = place.open().await;
    let guard = store.lease(place.path()).take("sync").await.unwrap();
    let mut admin = PgConnection::connect(&place.settings.url).await.unwrap();
    let kill = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'";
    admin.execute(kill).await.unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let next = place.open().await.lease(elsewhere.path()).take("sync").await.unwrap();
    assert!(next.fence() > guard.fence());
    let late =
        clarion_core::StateStore::commit(&store, guard.fence(), clarion_core::Progress::default()).await;
    assert_eq!(late.unwrap_err().kind(), Kind::Conflict);
}

#[tokio::test]
async fn fences_grow_even_if_the_state_store_was_lost_and_the_clock_stood_still() {
    let place = Place::sqlite();
    let store = place.open().await;
    let lease = store.lease(place.path());
    let before = lease.take("sync").await.unwrap().fence();
    let last = lease.take("sync").await.unwrap().fence();
    assert_eq!(last, before + 1);
    store.close().await;
    std::fs::remove_dir_all(place.path().join("data")).unwrap();
    let fence = place.open().await.lease(place.path()).take("sync").await.unwrap().fence();
    assert_eq!(fence, last + 1);
}
