//! How fast one core applies column rules to `call_details` of 200 turns: `cargo run --release --example rules_throughput`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement that is read on a terminal")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use bytes::Bytes;
use clarion_core::json::Json;
use clarion_core::{
    ColumnRules, HashKey, RecordKey, Rule, Rules, SourceRecord, StreamColumns, StreamName, content_hash,
};

const CALLS: usize = 200;
const TURNS: usize = 200;
const ROUNDS: u32 = 20;

fn main() {
    let records: Vec<SourceRecord> = (0..CALLS).map(record).collect();
    let bytes: usize = records.iter().map(|record| record.data.len()).sum();
    println!("{CALLS} calls of {} bytes", bytes / CALLS);
    measure("no rules, hashed", bytes, &records, &Rules::default());
    measure("one small field excluded", bytes, &records, &rules(&[("title", Rule::Exclude)]));
    measure("e-mail hashed", bytes, &records, &rules(&[("users.userEmail", Rule::Hash)]));
    measure("transcript redacted", bytes, &records, &rules(&[("transcript.text", Rule::Redact)]));
    let start = Instant::now();
    for record in (0..ROUNDS).flat_map(|_| &records) {
        std::hint::black_box(Json::parse(&record.data).unwrap());
    }
    show("for comparison, parsed", bytes, start);
}

fn rules(columns: &[(&str, Rule)]) -> Rules {
    let columns: BTreeMap<String, Rule> =
        columns.iter().map(|(path, rule)| ((*path).to_owned(), *rule)).collect();
    let rules = ColumnRules { include: Vec::new(), columns };
    let configured = StreamColumns { stream: StreamName::CALL_DETAILS, needed: Vec::new(), rules };
    Rules::new([configured], HashKey::parse(&"k".repeat(32)).ok()).unwrap()
}

fn measure(what: &str, bytes: usize, records: &[SourceRecord], rules: &Rules) {
    let start = Instant::now();
    for record in (0..ROUNDS).flat_map(|_| records) {
        let ruled = rules.apply(&StreamName::CALL_DETAILS, record.clone());
        std::hint::black_box(content_hash(&ruled.data));
    }
    show(what, bytes, start);
}

#[expect(clippy::cast_precision_loss, reason = "a few megabytes and a few hundred calls")]
fn show(what: &str, bytes: usize, start: Instant) {
    let seconds = start.elapsed().as_secs_f64() / f64::from(ROUNDS);
    let (speed, per_call) = (bytes as f64 / 1e6 / seconds, seconds * 1e6 / CALLS as f64);
    println!("{what}: {speed:.0} MB/s, {per_call:.0} µs a call");
}

/// A call in which every tenth turn says a number, and every fiftieth an address.
fn record(number: usize) -> SourceRecord {
    let mut data = format!(
        "{{\"id\":\"call-{number:06}\",\"title\":\"Weekly sync\",\"time\":\"2026-11-20T10:00:00Z\",\
         \"users\":[{{\"userId\":\"u\",\"userEmail\":\"rep{number}@example.com\",\"personId\":0}}],\"transcript\":["
    );
    for turn in 0..TURNS {
        let said = match turn {
            turn if turn % 50 == 0 => "write to anna@example.com",
            turn if turn % 10 == 0 => "that is 12 seats at 1,200 a year",
            _ => "and so we went on about the roll-out for quite a while",
        };
        let comma = if turn == 0 { "" } else { "," };
        write!(
            data,
            "{comma}{{\"personId\":{},\"start\":{turn}.25,\"end\":{}.5,\"text\":\"well, {said}, as I said before, \
             and nobody in the room had anything to add to that\",\"annotations\":[]}}",
            turn % 3,
            turn + 1
        )
        .unwrap();
    }
    data.push_str("],\"summary\":{\"full_summary\":\"they agreed\"}}");
    SourceRecord {
        key: RecordKey::parse(format!("call-{number:06}")).unwrap(),
        time: None,
        modified: None,
        status: None,
        has_content: true,
        data: Bytes::from(data),
    }
}
