//! Declared streams: paging of every kind, what proves it, and who is told the credentials.

mod built_in;
mod hosts;
mod offsets;
mod slices;
mod ways;

use std::sync::Arc;

use clarion_core::{Bindings, Declaration, ReadEnd, Result, SourceRecord, StreamName};
use clarion_extractor::Transport;

use crate::support::{Rig, read_declared};

/// `/people`, whose records are `{"people": [...]}`.
fn people() -> Declaration {
    Declaration {
        name: StreamName::of("people"),
        path: "/people".to_owned(),
        records: "$.people[*]".to_owned(),
        page_size: 3,
        ..Declaration::default()
    }
}

async fn read(wire: Arc<dyn Transport>, stream: &Declaration) -> (Result<ReadEnd>, Vec<String>) {
    let rig = Rig::new(wire, 0.0);
    match read_declared(&rig.source, stream, &Bindings::default()).await {
        Ok((end, records)) => (Ok(end), keys(&records)),
        Err(error) => (Err(error), Vec::new()),
    }
}

/// Runs a test of this binary with a planted defect, which must make it fail.
#[cfg(feature = "failpoints")]
fn assert_defect_is_caught(defect: &str, test: &str) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("FAILPOINTS", format!("{defect}=return"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("1 failed"), "the defect went unnoticed: {text}");
}

/// Each key once.
fn keys(records: &[SourceRecord]) -> Vec<String> {
    let keys: std::collections::BTreeSet<String> =
        records.iter().map(|record| record.key.to_string()).collect();
    keys.into_iter().collect()
}

fn list(ids: impl IntoIterator<Item = u32>) -> String {
    let records: Vec<String> = ids.into_iter().map(|id| format!(r#"{{"id":{id}}}"#)).collect();
    format!("[{}]", records.join(","))
}

fn numbers(ids: impl IntoIterator<Item = u32>) -> Vec<String> {
    let mut all: Vec<String> = ids.into_iter().map(|id| id.to_string()).collect();
    all.sort();
    all
}
