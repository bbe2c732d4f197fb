//! A segment that is not what was written is refused and named; the others stay readable.

use std::fs;
use std::path::Path;

use clarion_core::{Checkpoint, Error, Journal, Kind};

use crate::fixture::{append, cut, entries, files, open, read, read_all, recover, run, segment_path};

/// Three segments of a few records.
async fn written(folder: &Path) {
    let journal = open(folder);
    for records in entries(12).chunks(4) {
        append(&journal, records).await;
        cut(&journal).await;
    }
}

fn assert_names(error: &Error, path: &Path) {
    assert_eq!(error.kind(), Kind::Corrupt, "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert!(error.way_out().is_some_and(|hint| hint.contains("backup")), "{error}");
}

#[tokio::test]
async fn a_flipped_bit_anywhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    let path = segment_path(folder.path(), 2);
    let good = fs::read(&path).unwrap();
    let journal = open(folder.path());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1 << (at % 8);
        fs::write(&path, &bad).unwrap();
        assert_names(&journal.read(2).await.unwrap_err(), &path);
        assert_names(&journal.segments(1).await.unwrap_err(), &path);
    }
    assert_eq!(read(&journal, 1).await, entries(12)[..4]);
    assert_eq!(read(&journal, 3).await, entries(12)[8..]);
    fs::write(&path, &good).unwrap();
    assert_eq!(read_all(&journal).await, entries(12));
}

#[tokio::test]
async fn an_altered_header_never_passes_for_the_header() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    let path = segment_path(folder.path(), 2);
    let good = fs::read(&path).unwrap();
    let journal = open(folder.path());
    let header = journal.header(2).await.unwrap();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            fs::write(&path, &bad).unwrap();
            // Bits of the frame that mean nothing may flip; the header is then still what was written.
            match journal.header(2).await {
                Ok(found) => assert_eq!(found, header, "byte {at}, bit {bit}"),
                Err(error) => assert_names(&error, &path),
            }
        }
    }
}

#[tokio::test]
async fn a_segment_cut_off_anywhere_is_found() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    let path = segment_path(folder.path(), 2);
    let good = fs::read(&path).unwrap();
    let journal = open(folder.path());
    for length in 0..good.len() {
        fs::write(&path, &good[..length]).unwrap();
        assert_names(&journal.read(2).await.unwrap_err(), &path);
    }
    fs::write(&path, [&good[..], b"\0"].concat()).unwrap();
    assert_names(&journal.read(2).await.unwrap_err(), &path);
}

#[tokio::test]
async fn a_missing_segment_is_found_by_the_gap_it_leaves() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    let path = segment_path(folder.path(), 2);
    fs::remove_file(&path).unwrap();
    let journal = open(folder.path());
    assert_names(&journal.segments(0).await.unwrap_err(), &path);
    assert_names(&journal.segments(1).await.unwrap_err(), &path);
    assert_names(&journal.read(2).await.unwrap_err(), &path);
    assert_eq!(journal.segments(2).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_segment_under_anothers_name_is_found() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path()).await;
    let path = segment_path(folder.path(), 2);
    fs::copy(segment_path(folder.path(), 1), &path).unwrap();
    let journal = open(folder.path());
    assert_names(&journal.read(2).await.unwrap_err(), &path);
    assert_names(&journal.header(2).await.unwrap_err(), &path);
    assert_names(&journal.segments(0).await.unwrap_err(), &path);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a-file");
    fs::write(&file, b"").unwrap();
    let clock = std::sync::Arc::new(clarion_core::SystemClock);
    let below = file.join("journal");
    let error = clarion_journal::FileJournal::open(&below, "test".to_owned(), clock).err().unwrap();
    assert_eq!(error.kind(), Kind::Storage);
    assert!(error.to_string().contains(&below.display().to_string()), "{error}");
    assert!(error.way_out().is_some());
}

#[tokio::test]
async fn a_cut_that_fails_loses_nothing_and_recovery_takes_it_up() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    append(&journal, &entries(3)).await;
    // A folder in the way of the temporary file is a disk that refuses, also to root.
    let obstacle = folder.path().join("segments/000000000001.ndjson.zst.tmp");
    fs::create_dir(&obstacle).unwrap();
    assert_eq!(journal.cut(&run(), Checkpoint::default()).await.unwrap_err().kind(), Kind::Storage);
    assert_eq!(journal.append(&entries(4)[3]).await.unwrap_err().kind(), Kind::Storage);
    fs::remove_dir(&obstacle).unwrap();
    recover(&journal).await;
    append(&journal, &entries(4)[3..]).await;
    cut(&journal).await;
    assert_eq!(read_all(&journal).await, entries(4));
    assert_eq!(files(folder.path()), ["000000000001.ndjson.zst", "000000000002.ndjson.zst"]);
}

#[tokio::test]
async fn a_segment_of_another_journal_is_found() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(folder.path()).await;
    written(other.path()).await;
    let path = segment_path(folder.path(), 2);
    fs::copy(segment_path(other.path(), 2), &path).unwrap();
    let journal = open(folder.path());
    assert_names(&journal.read(2).await.unwrap_err(), &path);
    assert_names(&journal.header(2).await.unwrap_err(), &path);
    assert_eq!(read(&journal, 1).await, entries(12)[..4]);
}
