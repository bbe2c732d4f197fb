//! Each kind of fault alone, and all of them together.

use super::{assert_made_good, assert_owns_up, few, scene};
use crate::audit::{assert_clean, audit};

/// Syncs while a tenth or more of the requests fail in one way, and once more without faults.
async fn survives(spec: &str) {
    let (simulator, workspace) = scene(few()).await;
    let control = simulator.control();
    control.set_faults(spec).unwrap();
    let ran = workspace.run(&["sync"]);
    assert!(control.faults_fired().values().sum::<u64>() > 0, "{spec} never fired");
    if ran.code == 0 {
        assert_clean(spec, audit(&workspace, &simulator).await);
    } else {
        assert_owns_up(spec, &ran);
    }
    assert_eq!(
        ran.number("/requests/total"),
        control.count(),
        "{spec}: every request is counted, failed ones too"
    );
    control.set_faults("").unwrap();
    assert_made_good(spec, &workspace, &simulator).await;
}

/// Most of the time goes into waiting, so they run side by side.
async fn all_survive(specs: &'static [&'static str]) {
    let running: Vec<_> = specs.iter().map(|spec| tokio::spawn(survives(spec))).collect();
    for run in running {
        run.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn each_refusing_status_alone_is_survived() {
    all_survive(&["429:0.15", "500:0.2", "502:0.2", "503:0.2", "504:0.2"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn each_spoiled_body_alone_is_survived() {
    all_survive(&["html:0.2", "truncate:0.2", "reset:0.2", "slow:0.3"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_together_are_survived() {
    survives("429:0.02,500:0.03,502:0.03,503:0.03,504:0.03,html:0.03,truncate:0.03,reset:0.03,slow:0.05")
        .await;
}
