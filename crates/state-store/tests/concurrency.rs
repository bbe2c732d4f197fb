//! Several processes on one store, played by several handles.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use clarion_core::testing::ledger::{noon, spent};
use clarion_core::testing::state::known;
use clarion_core::{Ask, Grant, Kind, Ledger, Position, Progress, Purpose, StateStore, StreamName};
use clarion_state_store::Store;
use futures::future::join_all;

use crate::place::Place;

const WORKERS: u32 = 4;
const ROUNDS: u32 = 15;

async fn reserve_all(store: Store, rate: f64, weekly_limit: u64) -> Vec<Grant> {
    let mut grants = Vec::new();
    for _ in 0..ROUNDS {
        match store
            .reserve(Ask { now: noon(), purpose: Purpose::Forward, requests: 9, weekly_limit, rate })
            .await
        {
            Ok(grant) => {
                store.settle(&grant, &[spent(noon(), u64::from(grant.requests))], true).await.unwrap();
                grants.push(grant);
            }
            Err(error) => assert_eq!(error.kind(), Kind::Quota),
        }
    }
    grants
}

async fn run_workers(place: &Place, rate: f64, weekly_limit: u64) -> Vec<Grant> {
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(tokio::spawn(reserve_all(place.open().await, rate, weekly_limit)));
    }
    join_all(workers).await.into_iter().flat_map(Result::unwrap).collect()
}

async fn handles_share_quota_and_pace(place: Place) {
    let grants = run_workers(&place, 10.0, 500).await;
    let granted: u64 = grants.iter().map(|grant| u64::from(grant.requests)).sum();
    assert_eq!(granted, 500, "540 were asked for");
    let week = place.open().await.week(noon()).await.unwrap();
    assert_eq!((week.used, week.reserved), (500, 0));
    assert_eq!(week.spent.iter().map(|part| part.requests).sum::<u64>(), 500);

    let ids: HashSet<i64> = grants.iter().map(|grant| grant.id).collect();
    assert_eq!(ids.len(), grants.len());
    let mut slots: Vec<_> = grants.iter().map(|grant| (grant.starts_at, grant.requests)).collect();
    slots.sort_unstable();
    for pair in slots.windows(2) {
        let ends_at = pair[0].0 + chrono::Duration::milliseconds(i64::from(pair[0].1) * 100);
        assert!(pair[1].0 >= ends_at, "slots overlap");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_share_quota_and_pace_on_sqlite() {
    handles_share_quota_and_pace(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn handles_share_quota_and_pace_on_postgres() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    handles_share_quota_and_pace(place).await;
}

/// Commits of two writers, the second with a higher fence: the first loses nothing it was told was stored, and is
/// refused from some moment on for good.
async fn a_writer_that_lost_the_lease_is_refused(place: Place) {
    let old = place.open().await;
    let new = place.open().await;
    let step = |line| Progress {
        known: vec![known(&format!("k{line}"), Position::new(1, line))],
        cursors: BTreeMap::from([(format!("c{line}"), noon())]),
        ..Progress::default()
    };
    let worker = tokio::spawn(async move {
        let mut stored = 0;
        for line in 0..40 {
            match old.commit(1, step(line)).await {
                Ok(()) => stored += 1,
                Err(error) => assert_eq!(error.kind(), Kind::Conflict),
            }
        }
        stored
    });
    new.commit(2, Progress::default()).await.unwrap();
    let stored: u64 = worker.await.unwrap();
    assert_eq!(new.count_known(&StreamName::CALLS).await.unwrap(), stored);
    assert_eq!(new.cursors().await.unwrap().len() as u64, stored);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_lost_the_lease_is_refused_on_sqlite() {
    a_writer_that_lost_the_lease_is_refused(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_lost_the_lease_is_refused_on_postgres() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    a_writer_that_lost_the_lease_is_refused(place).await;
}

async fn many_open_a_new_store_at_once(place: Place) {
    let place = Arc::new(place);
    let opening = (0..6).map(|_| {
        let place = Arc::clone(&place);
        tokio::spawn(async move { place.open().await.generation().await.unwrap() })
    });
    for opened in join_all(opening).await {
        assert_eq!(opened.unwrap(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_a_new_store_at_once_on_sqlite() {
    many_open_a_new_store_at_once(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_a_new_store_at_once_on_postgres() {
    let Some(place) = Place::postgres().await else {
        return;
    };
    many_open_a_new_store_at_once(place).await;
}
