//! The journal in a bucket: what only a bucket can do to it.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use clarion_core::testing::journal::{Opener, conforms};
use clarion_core::{Checkpoint, Journal, Kind, ManualClock, from_millis};
use clarion_journal::FileJournal;
use clarion_object_storage::Bucket;
use clarion_object_storage::testing::{Answer, Asked, InMemory, Scripted, s3};

use crate::fixture::{append, cut, entries, read_all, recover, run};

fn open(bucket: &Bucket, own: &Path) -> FileJournal {
    let clock = Arc::new(ManualClock::at(from_millis(1_790_000_100_000)));
    FileJournal::in_bucket(bucket.clone(), own, "test".to_owned(), clock).unwrap()
}

fn memory() -> (Arc<InMemory>, Bucket) {
    let store = Arc::new(InMemory::new());
    let bucket = Bucket::over(store.clone(), "memory://test");
    (store, bucket)
}

/// What a script makes of the n-th request of a kind whose object has `name` in its path.
fn nth(
    asked: Asked,
    name: &'static str,
    n: usize,
    answer: Answer,
) -> impl Fn(Asked, &str) -> Answer + Send + Sync {
    let seen = AtomicUsize::new(0);
    move |request, path| {
        let meant = request == asked && path.contains(name);
        if meant && seen.fetch_add(1, Ordering::SeqCst) == n { answer } else { Answer::Go }
    }
}

#[tokio::test]
async fn the_journal_in_a_bucket_conforms() {
    conforms(&|| -> Opener {
        let ((_, bucket), own) = (memory(), tempfile::tempdir().unwrap());
        Box::new(move || -> Box<dyn Journal> { Box::new(open(&bucket, own.path())) })
    })
    .await;
}

#[tokio::test]
async fn the_journal_in_a_bucket_without_conditions_conforms() {
    conforms(&|| -> Opener {
        let ((store, _), own) = (memory(), tempfile::tempdir().unwrap());
        let script = |asked, _: &str| if asked == Asked::Conditional { Answer::Unknown } else { Answer::Go };
        let bucket = Bucket::over(Scripted::new(store, script), "memory://test");
        Box::new(move || -> Box<dyn Journal> { Box::new(open(&bucket, own.path())) })
    })
    .await;
}

#[tokio::test]
async fn the_journal_on_s3_conforms() {
    if s3("journal").is_none() {
        return;
    }
    conforms(&|| -> Opener {
        let url = s3("journal").unwrap();
        let (bucket, own) = (Bucket::open(&url).unwrap(), tempfile::tempdir().unwrap());
        Box::new(move || -> Box<dyn Journal> { Box::new(open(&bucket, own.path())) })
    })
    .await;
}

#[tokio::test]
async fn a_put_whose_answer_is_lost_is_known_as_ours() {
    for name in ["segments/", "fence", "journal.json"] {
        let ((store, bucket), own) = (memory(), tempfile::tempdir().unwrap());
        let lossy = Scripted::new(store, nth(Asked::Conditional, name, 0, Answer::Lose));
        let journal = open(&Bucket::over(lossy, "memory://test"), own.path());
        journal.claim(3).await.unwrap();
        recover(&journal).await;
        append(&journal, &entries(3)).await;
        assert_eq!(cut(&journal).await.number, 1, "{name}");
        assert_eq!(read_all(&open(&bucket, own.path())).await, entries(3), "{name}");
    }
}

#[tokio::test]
async fn a_rewrite_whose_answer_is_lost_is_known_as_ours() {
    let ((store, bucket), own) = (memory(), tempfile::tempdir().unwrap());
    let lossy = Scripted::new(store, nth(Asked::Conditional, "segments/", 1, Answer::Lose));
    let journal = open(&Bucket::over(lossy, "memory://test"), own.path());
    append(&journal, &entries(3)).await;
    let before = cut(&journal).await;
    let after = journal.rewrite(1, &[3].into()).await.unwrap();
    assert_ne!(after.checksum, before.checksum);
    assert_eq!(open(&bucket, own.path()).segments(0).await.unwrap(), [after]);
}

#[tokio::test]
async fn a_store_that_is_busy_once_costs_nothing() {
    for asked in [Asked::Conditional, Asked::Get, Asked::List] {
        let ((store, bucket), own) = (memory(), tempfile::tempdir().unwrap());
        let journal = open(&bucket, own.path());
        append(&journal, &entries(2)).await;
        cut(&journal).await;
        let busy = Scripted::new(store, nth(asked, "", 1, Answer::Refuse));
        let journal = open(&Bucket::over(busy, "memory://test"), own.path());
        for _ in 0..2 {
            // Whatever fails is taken up by the next try, as a later run does.
            let _ = journal.recover(&run(), Checkpoint::default()).await;
            let _ = journal.append(&entries(3)[2]).await;
            let _ = journal.cut(&run(), Checkpoint::default()).await;
        }
        let journal = open(&bucket, own.path());
        recover(&journal).await;
        let found = read_all(&journal).await;
        assert_eq!(found[..3], entries(3)[..], "{asked:?}");
        assert!(found[2..].iter().all(|entry| *entry == entries(3)[2]), "{asked:?}");
    }
}

#[tokio::test]
async fn two_machines_never_write_one_segment() {
    let ((_, bucket), own, other) = (memory(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (first, second) = (open(&bucket, own.path()), open(&bucket, other.path()));
    append(&first, &entries(2)).await;
    append(&second, &entries(4)).await;
    assert_eq!(cut(&first).await.number, 1);
    let error = second.cut(&run(), Checkpoint::default()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error:?}");
    assert!(error.to_string().contains("segments/000000000001"), "{error}");
    assert_eq!(read_all(&first).await, entries(2));
    // What the second one had open was fetched at the same time: it must not pass for newer.
    let second = open(&bucket, other.path());
    recover(&second).await;
    assert_eq!(read_all(&second).await, entries(2));
    append(&second, &entries(4)[2..]).await;
    assert_eq!(cut(&second).await.number, 2);
}

#[tokio::test]
async fn an_open_segment_that_comes_back_too_late_is_dropped() {
    let ((_, bucket), own, other) = (memory(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dead = open(&bucket, own.path());
    append(&dead, &entries(2)).await;
    drop(dead);
    let next = open(&bucket, other.path());
    recover(&next).await;
    append(&next, &entries(3)[2..]).await;
    cut(&next).await;
    let back = open(&bucket, own.path());
    recover(&back).await;
    assert_eq!(read_all(&back).await, entries(3)[2..]);
    assert!(!own.path().join("open.ndjson").exists());
}

#[tokio::test]
async fn a_segment_rewritten_by_another_is_not_rewritten_from_what_was() {
    let ((store, bucket), own, other) =
        (memory(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let journal = open(&bucket, own.path());
    append(&journal, &entries(4)).await;
    cut(&journal).await;
    // The other one comes between what this one reads and what it writes.
    let (between, theirs) = (bucket.clone(), other.path().to_owned());
    let once = AtomicUsize::new(0);
    let script = move |asked, path: &str| {
        if asked == Asked::Conditional
            && path.contains("segments/")
            && once.fetch_add(1, Ordering::SeqCst) == 0
        {
            let rewritten = std::thread::scope(|scope| {
                scope.spawn(|| block_on(open(&between, &theirs).rewrite(1, &[2].into()))).join().unwrap()
            });
            rewritten.unwrap();
        }
        Answer::Go
    };
    let late = open(&Bucket::over(Scripted::new(store, script), "memory://test"), own.path());
    assert_eq!(late.rewrite(1, &[3].into()).await.unwrap_err().kind(), Kind::Conflict);
    assert_eq!(read_all(&journal).await, entries(4)[1..]);
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

#[tokio::test]
async fn a_header_is_read_without_its_records_and_a_list_without_what_is_known() {
    let ((store, bucket), own) = (memory(), tempfile::tempdir().unwrap());
    let journal = open(&bucket, own.path());
    recover(&journal).await;
    for _ in 0..5 {
        append(&journal, &entries(3)).await;
        cut(&journal).await;
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let script = move |_, _: &str| {
        counted.fetch_add(1, Ordering::SeqCst);
        Answer::Go
    };
    let journal = open(&Bucket::over(Scripted::new(store, script), "memory://test"), own.path());
    assert!(journal.segments(5).await.unwrap().is_empty());
    assert_eq!(asked.swap(0, Ordering::SeqCst), 1, "one list");
    for number in 1..=5 {
        journal.header(number).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::SeqCst), 6, "the identity once, and five starts");
}
