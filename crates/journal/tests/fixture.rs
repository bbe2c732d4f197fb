//! Journals in folders of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clarion_core::testing::journal::entry;
use clarion_core::{Checkpoint, Entry, Journal, ManualClock, RunId, SegmentInfo, SegmentNo, from_millis};
use clarion_journal::FileJournal;

pub(crate) fn open(folder: &Path) -> FileJournal {
    let clock = Arc::new(ManualClock::at(from_millis(1_790_000_100_000)));
    FileJournal::open(folder, "test".to_owned(), clock).unwrap()
}

pub(crate) fn run() -> RunId {
    RunId::new("20261120T115200-4f2a")
}

pub(crate) fn segment_path(folder: &Path, number: SegmentNo) -> PathBuf {
    folder.join(format!("segments/{number:012}.ndjson.zst"))
}

/// Names of everything in the folder and below, sorted, but for the file that names the journal.
pub(crate) fn files(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            names.extend(files(&path));
        } else if name != "journal.json" && name != "fence" {
            names.push(name);
        }
    }
    names.sort();
    names
}

/// Records that differ in key and size.
pub(crate) fn entries(count: usize) -> Vec<Entry> {
    (0..count)
        .map(|number| {
            let text = "wir sprechen über Zahlen 📈 ".repeat(number % 7);
            let data =
                format!("{{\"id\":\"k{number}\",\"time\":\"2026-03-01T09:30:00.000Z\",\"text\":\"{text}\"}}");
            Entry { data: Bytes::from(data), ..entry(&format!("k{number}")) }
        })
        .collect()
}

pub(crate) async fn append(journal: &FileJournal, entries: &[Entry]) {
    for entry in entries {
        journal.append(entry).await.unwrap();
    }
}

pub(crate) async fn cut(journal: &FileJournal) -> SegmentInfo {
    journal.cut(&run(), Checkpoint::default()).await.unwrap().unwrap()
}

pub(crate) async fn recover(journal: &FileJournal) {
    journal.recover(&run(), Checkpoint::default()).await.unwrap();
}

pub(crate) async fn read(journal: &FileJournal, segment: SegmentNo) -> Vec<Entry> {
    journal.read(segment).await.unwrap().into_iter().flatten().collect()
}

/// Everything in the journal, in order.
pub(crate) async fn read_all(journal: &FileJournal) -> Vec<Entry> {
    let mut records = Vec::new();
    for info in journal.segments(0).await.unwrap() {
        records.extend(read(journal, info.number).await);
    }
    records
}
