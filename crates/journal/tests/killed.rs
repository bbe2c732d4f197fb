//! A process that dies anywhere leaves a journal that holds every record it appended, once.

use std::fs;
use std::path::Path;

use clarion_core::{Checkpoint, Journal};

use crate::fixture::{append, cut, entries, files, open, read_all, recover, run, segment_path};

/// The size of the open segment after each append, and its bytes at the end.
async fn growing_spool(folder: &Path, count: usize) -> (Vec<usize>, Vec<u8>) {
    let journal = open(folder);
    let path = folder.join("open.ndjson");
    let mut sizes = Vec::new();
    for entry in entries(count) {
        journal.append(&entry).await.unwrap();
        sizes.push(usize::try_from(fs::metadata(&path).unwrap().len()).unwrap());
    }
    (sizes, fs::read(&path).unwrap())
}

#[tokio::test]
async fn a_spool_cut_off_at_any_byte_gives_every_record_that_was_flushed_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let (sizes, spool) = growing_spool(folder.path(), 12).await;
    for length in 0..=spool.len() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        fs::write(folder.path().join("open.ndjson"), &spool[..length]).unwrap();
        recover(&journal).await;
        let flushed = sizes.iter().filter(|size| **size <= length).count();
        let found = read_all(&journal).await;
        // A line may be there before the last byte of its flush is.
        assert!((flushed..=flushed + 1).contains(&found.len()), "{flushed} flushed, {} found", found.len());
        assert_eq!(found, entries(12)[..found.len()]);
        assert!(!folder.path().join("open.ndjson").exists());
    }
}

#[tokio::test]
async fn a_damaged_spool_gives_a_prefix_and_never_an_altered_record() {
    let folder = tempfile::tempdir().unwrap();
    let (sizes, spool) = growing_spool(folder.path(), 12).await;
    for at in 0..spool.len() {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        // What a power failure leaves: the length is there, the blocks behind are zeros.
        let mut zeroed = spool.clone();
        zeroed[at..].fill(0);
        fs::write(folder.path().join("open.ndjson"), &zeroed).unwrap();
        recover(&journal).await;
        let before = sizes.iter().filter(|size| **size <= at).count();
        let found = read_all(&journal).await;
        assert!(found.len() >= before, "zeros from byte {at}: {} of {before}", found.len());
        assert_eq!(found[..before], entries(12)[..before]);
    }
}

#[tokio::test]
async fn a_spool_that_became_a_segment_is_not_taken_twice() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    append(&journal, &entries(5)).await;
    let spool = folder.path().join("open.ndjson");
    let open_segment = fs::read(&spool).unwrap();
    cut(&journal).await;
    // The death came between the rename and the removal; the system had not written all of the spool.
    for length in [open_segment.len(), open_segment.len() / 2, 24, 10, 0] {
        fs::write(&spool, &open_segment[..length]).unwrap();
        recover(&open(folder.path())).await;
        assert_eq!(files(folder.path()), ["000000000001.ndjson.zst"]);
        assert_eq!(read_all(&journal).await, entries(5));
    }
}

#[tokio::test]
async fn a_recovered_spool_that_outlives_its_recovery_is_not_taken_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (_, spool) = growing_spool(folder.path(), 5).await;
    let path = folder.path().join("open.ndjson");
    for length in [spool.len() - 3, spool.len() - 3] {
        fs::write(&path, &spool[..length]).unwrap();
        recover(&open(folder.path())).await;
        assert_eq!(files(folder.path()), ["000000000001.ndjson.zst"]);
    }
}

#[tokio::test]
async fn equal_records_of_two_open_segments_are_two_records() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let journal = open(folder.path());
        recover(&journal).await;
        append(&journal, &entries(2)).await;
    }
    let journal = open(folder.path());
    recover(&journal).await;
    assert_eq!(read_all(&journal).await, [entries(2), entries(2), entries(2)].concat());
}

#[tokio::test]
async fn leftovers_of_a_write_that_was_cut_off_are_swept() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    append(&journal, &entries(2)).await;
    cut(&journal).await;
    fs::write(folder.path().join("segments/000000000002.ndjson.zst.tmp"), b"half").unwrap();
    assert_eq!(journal.segments(0).await.unwrap().len(), 1);
    recover(&journal).await;
    assert_eq!(files(folder.path()), ["000000000001.ndjson.zst"]);
}

#[tokio::test]
async fn an_unreadable_last_segment_does_not_cost_the_open_one() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    append(&journal, &entries(2)).await;
    cut(&journal).await;
    append(&journal, &entries(3)).await;
    fs::write(segment_path(folder.path(), 1), b"nothing").unwrap();
    let journal = open(folder.path());
    journal.recover(&run(), Checkpoint::default()).await.unwrap();
    let records: Vec<_> = journal.read(2).await.unwrap().into_iter().flatten().collect();
    assert_eq!(records, entries(3));
}

#[tokio::test]
async fn a_cut_whose_caller_went_away_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    let journal = open(folder.path());
    append(&journal, &entries(2)).await;
    let run = run();
    let mut cut_off = Box::pin(journal.cut(&run, Checkpoint::default()));
    let waker = std::task::Waker::noop();
    let _ = cut_off.as_mut().poll(&mut std::task::Context::from_waker(waker));
    drop(cut_off);
    // The next append waits for it.
    append(&journal, &entries(3)[2..]).await;
    cut(&journal).await;
    assert_eq!(read_all(&journal).await, entries(3));
}
