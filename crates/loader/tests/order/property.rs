//! Random shapes in random order, in random loads.

use clarion_core::testing::destination::Readback;
use clarion_core::{ColumnNames, Entry, StreamName};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::drive::{Loads, names, tables};
use crate::normalise::{any_record, entry};
use crate::parquet::Lake;
use crate::postgres::Database;

const PEOPLE: StreamName = StreamName::of("people");

/// Records, an order for them, and where chunks and loads end.
#[derive(Debug, Clone)]
struct Case {
    stream: StreamName,
    records: Vec<Value>,
    order: Vec<Index>,
    ends: Vec<(bool, bool)>,
}

fn any_case() -> impl Strategy<Value = Case> {
    let stream = prop_oneof![Just(PEOPLE), Just(StreamName::USERS)];
    let records = prop::collection::vec(any_record(), 1..7);
    (
        stream,
        records,
        prop::collection::vec(any::<Index>(), 7),
        prop::collection::vec(any::<(bool, bool)>(), 7),
    )
        .prop_map(|(stream, records, order, ends)| Case { stream, records, order, ends })
}

impl Case {
    fn entries(&self) -> Vec<Entry> {
        let records = self.records.iter().enumerate();
        records.map(|(key, record)| entry(&self.stream, &format!("k{key}"), &record.to_string())).collect()
    }

    fn as_they_come(&self) -> Loads {
        vec![vec![self.entries()]]
    }

    fn shuffled(&self) -> Loads {
        let mut left = self.entries();
        let mut loads: Loads = vec![vec![Vec::new()]];
        for (at, (chunk_ends, load_ends)) in self.order.iter().zip(&self.ends) {
            if left.is_empty() {
                break;
            }
            let entry = left.remove(at.index(left.len()));
            let load = loads.last_mut().expect("there is one");
            load.last_mut().expect("there is one").push(entry);
            match (chunk_ends, load_ends) {
                (_, true) => loads.push(vec![Vec::new()]),
                (true, false) => load.push(Vec::new()),
                (false, false) => {}
            }
        }
        loads
    }
}

async fn assert_alike(case: &Case, one: &impl Readback, other: &impl Readback) {
    let as_they_come = tables(one, &case.stream, &case.as_they_come(), &ColumnNames::new()).await;
    let shuffled = tables(other, &case.stream, &case.shuffled(), &names(one).await).await;
    assert_eq!(as_they_come, shuffled, "{case:?}");
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts")
}

#[test]
fn a_lake_is_the_same_whatever_the_order_the_chunks_and_the_loads() {
    let runtime = runtime();
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(120) });
    let ran = runner.run(&any_case(), |case| {
        runtime.block_on(assert_alike(&case, &Lake::new(), &Lake::new()));
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_warehouse_is_the_same_whatever_the_order_the_chunks_and_the_loads() {
    let runtime = runtime();
    if runtime.block_on(Database::fresh()).is_none() {
        return;
    }
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(24) });
    let ran = runner.run(&any_case(), |case| {
        runtime.block_on(async {
            let fresh = || async { Database::fresh().await.expect("the server was there before") };
            assert_alike(&case, &fresh().await, &fresh().await).await;
        });
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}
