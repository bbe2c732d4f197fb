//! Over real HTTP, against the simulator: each fault alone and all together.

use std::collections::BTreeSet;
use std::sync::Arc;

use clarion_core::{
    Collected, Fetched, Kind, ListRequest, Purpose, RecordKey, Silent, Source, SystemClock, Visibility,
};
use clarion_extractor::{ClariSource, Credentials, SourceSettings};
use clarion_simulator::{Options, Simulator};

use crate::support::{MemoryLedger, by_time, modified, read};

async fn simulator(calls: usize, rate: u32, faults: Option<&str>) -> Simulator {
    let options = Options { calls, turns: 5, rate, faults: faults.map(str::to_owned), ..Options::default() };
    Simulator::start(options).await.unwrap()
}

fn source(simulator: &Simulator, rate: f64, password: &str) -> (ClariSource, Arc<MemoryLedger>) {
    let settings = SourceSettings {
        base_url: simulator.url(),
        requests_per_second: rate,
        rate_limit_wait: std::time::Duration::from_millis(50),
        ..SourceSettings::default()
    };
    let ledger = Arc::new(MemoryLedger::default());
    let credentials = Credentials::new("demo", password);
    let source =
        ClariSource::new(settings, credentials, ledger.clone(), Arc::new(SystemClock), Arc::new(Silent))
            .unwrap();
    (source, ledger)
}

/// Lists everything both ways, reads the details of `details` calls and the users, and compares with the truth.
async fn read_all(simulator: &Simulator, source: &ClariSource, details: usize) {
    let truth: BTreeSet<String> = simulator.control().call_ids().into_iter().collect();
    for window in [by_time(), modified()] {
        let request =
            ListRequest { window, visibility: Visibility::All, purpose: Purpose::Forward, max_rows: 0 };
        let mut sink = Collected::default();
        source.list(request, &mut sink).await.unwrap();
        let given: BTreeSet<String> = sink.0.iter().map(|record| record.key.to_string()).collect();
        // By time, calls without one are not there; by change, all are.
        assert!(
            given.is_subset(&truth) && given.len() + 30 >= truth.len(),
            "{} of {}",
            given.len(),
            truth.len()
        );
    }
    for id in truth.iter().take(details) {
        let fetched = source.details(&RecordKey::parse(id.as_str()).unwrap(), Purpose::Ready).await.unwrap();
        let Fetched::Record(record) = fetched else { panic!("{id} is missing") };
        let expected = simulator.control().truth_of(id).unwrap();
        let given: serde_json::Value = serde_json::from_slice(&record.data).unwrap();
        assert_eq!(given, expected);
    }
    let users = read(source, "users").await.unwrap();
    assert_eq!(users.len(), simulator.control().collection("users").len());
}

#[tokio::test]
async fn everything_is_read_and_every_request_booked() {
    let simulator = simulator(450, 0, None).await;
    let (source, ledger) = source(&simulator, 0.0, "demo");
    source.check().await.unwrap();
    read_all(&simulator, &source, 50).await;
    source.settle().await.unwrap();
    assert_eq!(ledger.0.lock().unwrap().total_spent(), simulator.control().count());
    assert_eq!(source.usage().total, simulator.control().count());
    simulator.stop().await;
}

#[tokio::test]
async fn each_fault_alone_and_all_together_are_borne() {
    let alone = [
        "429:0.05",
        "500:0.05",
        "502@/call-details:0.05",
        "503:0.05",
        "504:0.05",
        "html:0.05",
        "truncate:0.05",
        "reset:0.05",
        "slow:0.02",
    ];
    let together = alone.join(",").replace("0.05", "0.02");
    for faults in alone.into_iter().chain(["502@/calls#2", together.as_str()]) {
        let simulator = simulator(300, 0, Some(faults)).await;
        let (source, ledger) = source(&simulator, 0.0, "demo");
        read_all(&simulator, &source, 60).await;
        assert!(!simulator.control().faults_fired().is_empty(), "{faults} never fired");
        source.settle().await.unwrap();
        assert!(ledger.0.lock().unwrap().total_spent() >= simulator.control().count(), "{faults}");
        simulator.stop().await;
    }
}

#[tokio::test]
async fn at_nine_a_second_the_vendor_refuses_nothing() {
    let simulator = simulator(40, 10, None).await;
    let (source, _) = source(&simulator, 9.0, "demo");
    read_all(&simulator, &source, 27).await;
    assert_eq!(simulator.control().refused(), 0);
    simulator.stop().await;
}

#[tokio::test]
async fn a_wrong_password_is_refused_once() {
    let simulator = simulator(5, 0, None).await;
    let (source, _) = source(&simulator, 0.0, "wrong");
    assert_eq!(source.check().await.unwrap_err().kind(), Kind::Credentials);
    assert_eq!(read(&source, "users").await.unwrap_err().kind(), Kind::Credentials);
    assert_eq!(simulator.control().count(), 1);
    simulator.stop().await;
}
