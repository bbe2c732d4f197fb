//! How fast one core normalises `call_details` of 200 turns: `cargo run --release --example normalise_throughput`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement that is read on a terminal")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;

use bytes::Bytes;
use clarion_core::json::Json;
use clarion_core::{Entry, Item, Op, Position, RecordKey, RunId, StreamName, parse_timestamp};
use clarion_loader::Normaliser;

const CALLS: usize = 200;
const TURNS: usize = 200;
const ROUNDS: u32 = 20;

fn main() {
    let entries: Vec<Entry> = (0..CALLS).map(entry).collect();
    let run_id = RunId::new("20261120T115200-4f2a");
    let items: Vec<Item<'_>> = entries
        .iter()
        .zip(2..)
        .map(|(entry, line)| Item { entry, position: Position::new(1, line), run_id: &run_id, gone: None })
        .collect();
    let bytes: usize = entries.iter().map(|entry| entry.data.len()).sum();
    println!("{CALLS} calls of {} bytes", bytes / CALLS);

    measure("parse alone", bytes, || {
        for entry in &entries {
            std::hint::black_box(Json::parse(&entry.data).unwrap());
        }
    });
    let mut normaliser = Normaliser::new(&BTreeMap::new(), parse_timestamp("2026-11-20T12:00:00Z").unwrap());
    measure("normalise", bytes, || {
        std::hint::black_box(normaliser.normalise(&items));
    });
}

fn measure(what: &str, bytes: usize, mut work: impl FnMut()) {
    let (start, start_cpu) = (Instant::now(), cpu_seconds());
    for _ in 0..ROUNDS {
        work();
    }
    let wall = start.elapsed().as_secs_f64();
    // On a busy machine only the processor's time tells anything.
    let seconds = start_cpu.zip(cpu_seconds()).map_or(wall, |(start, end)| end - start) / f64::from(ROUNDS);
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let megabytes = bytes as f64 / 1e6;
    #[expect(clippy::cast_precision_loss, reason = "a few hundred calls")]
    let per_call = seconds * 1e6 / CALLS as f64;
    println!("{what}: {:.0} MB/s, {per_call:.0} µs a call", megabytes / seconds);
}

/// Linux only; nanoseconds that this thread was on a processor.
fn cpu_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse::<f64>().ok().map(|nanoseconds| nanoseconds / 1e9)
}

fn entry(number: usize) -> Entry {
    let key = format!("call-{number:05}");
    Entry {
        stream: StreamName::CALL_DETAILS,
        key: RecordKey::parse(key.clone()).unwrap(),
        op: Op::Upsert,
        observed_at: parse_timestamp("2026-11-20T11:00:00Z").unwrap(),
        private: Some(false),
        // The journal's index has it, and the pipeline loads in its order.
        time: parse_timestamp(&time(number)),
        data: Bytes::from(details(&key, number)),
    }
}

fn time(number: usize) -> String {
    format!("2026-{:02}-11T09:00:00.000Z", number % 12 + 1)
}

fn details(key: &str, number: usize) -> String {
    let words = "so what we heard from the team is that the second quarter looked better than we had hoped \
                 and \\\"pricing\\\" came up again in nearly every call";
    let mut json = format!(
        r#"{{"id":"{key}","source_id":"s-{key}","title":"Weekly {number}","status":"POST_PROCESSING_DONE","type":"ZOOM","time":"{}","last_modified_time":"2026-11-11T10:00:00.000Z","users":[{{"userId":"u1","userEmail":"a@example.com","isOrganizer":true,"personId":0}}],"externalParticipants":[{{"name":"Ada","email":"ada@example.com","personId":1}},{{"name":"Bo","email":"bo@example.com","personId":2}}],"joinedParticipants":[{{"name":"Ann","email":"a@example.com","personId":0}},{{"name":"Ada","personId":1}}],"crm_info":{{"source_crm":"SALESFORCE","deal_id":"d1","account_id":"a1","contact_ids":["c1","c2"]}},"metrics":{{"talk_listen_ratio":0.39,"call_duration":1448,"categories":[{{"name":"Pricing","occurences":2,"phrases_matched":[{{"text":"pricing","name":"Ada","time":12.5}}],"ai_detected":false}}]}},"summary":{{"full_summary":"{words}","topics_discussed":[{{"name":"Pricing","start_timestamp":"93.8","end_timestamp":"01:55","summary":"{words}"}}],"key_action_items":[]}},"competitor_sentiments":[],"transcript":["#,
        time(number)
    );
    for turn in 0..TURNS {
        let (comma, person) = (if turn == 0 { "" } else { "," }, turn % 3);
        let start = turn * 7;
        let annotations = if turn % 5 == 0 {
            r#"[{"tracker":"Pricing","phrase":"pricing","category":"Deal"}]"#
        } else {
            "[]"
        };
        write!(
            json,
            r#"{comma}{{"text":"{words}","start":{start}.25,"end":{start}.875,"personId":{person},"annotations":{annotations}}}"#
        )
        .unwrap();
    }
    json.push_str("]}");
    json
}
