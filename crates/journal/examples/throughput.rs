//! How fast records go in and come out: `cargo run --release -p clarion-journal --example throughput`.

use std::io::Write;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use clarion_core::{
    Checkpoint, Entry, Journal, Op, RecordKey, Result, RunId, StreamName, SystemClock, from_millis,
};
use clarion_journal::FileJournal;

/// As the pipeline cuts.
const SEGMENT_BYTES: u64 = 8 * 1024 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    measure("5,000 records of 39 KB", 5_000, 39_000).await?;
    measure("200,000 records of 200 bytes", 200_000, 200).await
}

async fn measure(what: &str, count: usize, size: usize) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("clarion-throughput-{}", std::process::id()));
    let journal = FileJournal::open(&folder, "throughput".to_owned(), Arc::new(SystemClock))?;
    let entries: Vec<Entry> = (0..count.min(500)).map(|number| record(number, size)).collect();
    let run = RunId::new("throughput");

    let started = Instant::now();
    let mut segments = Vec::new();
    for number in 0..count {
        journal.append(&entries[number % entries.len()]).await?;
        if journal.open_bytes() >= SEGMENT_BYTES {
            segments.extend(journal.cut(&run, Checkpoint::default()).await?);
        }
    }
    segments.extend(journal.cut(&run, Checkpoint::default()).await?);
    let raw: u64 = segments.iter().map(|segment| segment.raw_bytes).sum();
    let stored: u64 = segments.iter().map(|segment| segment.stored_bytes).sum();
    say(&format!("{what}: written at {}, stored in {} %", rate(raw, started), stored * 100 / raw));

    let started = Instant::now();
    for segment in &segments {
        journal.read(segment.number).await?;
    }
    say(&format!("{what}: read at {}", rate(raw, started)));
    drop(std::fs::remove_dir_all(&folder));
    Ok(())
}

/// About as compressible as a transcript.
fn record(number: usize, size: usize) -> Entry {
    let mut text = format!("{{\"id\":\"{number}\",\"transcript\":[");
    let mut state = number as u64 + 1;
    while text.len() < size {
        text.push_str("{\"personId\":1,\"text\":\"");
        for _ in 0..20 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let word = (state >> 40) % 4_000;
            text.push_str(&format!("{:x} ", word * word));
        }
        text.push_str("\",\"start\":1.5,\"end\":2.5},");
    }
    text.push_str("null]}");
    Entry {
        stream: StreamName::CALL_DETAILS,
        key: RecordKey::parse(number.to_string()).expect("a number is not empty"),
        op: Op::Upsert,
        observed_at: from_millis(1_790_000_000_000),
        private: Some(false),
        time: Some(from_millis(1_780_000_000_000)),
        data: Bytes::from(text),
    }
}

fn rate(bytes: u64, since: Instant) -> String {
    format!("{:.0} MB/s", bytes as f64 / 1e6 / since.elapsed().as_secs_f64())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
