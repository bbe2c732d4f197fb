//! What every state store must do. Each check takes a fresh, empty store.

mod leads;
mod marks;
mod purges;
mod queue;
mod rejected;
mod times;

use std::collections::{BTreeMap, BTreeSet};

pub use leads::{
    keeps_leads_and_their_later_answers, keeps_marks_until_they_are_replaced, keeps_the_failures_of_leads,
};
pub use marks::{
    forgets_old_runs, keeps_backfills, keeps_runs, keeps_slices_until_they_are_covered,
    keeps_the_id_of_its_journal, knows_whether_segments_are_rewritten, lists_segments_in_order,
    remembers_the_rules,
};
pub use purges::{forgets_no_more_than_was_purged, forgets_what_was_purged, remembers_what_was_purged};
pub use queue::{merges_queue_entries, pages_the_queue_in_order};
pub use rejected::{counts_rejections, forgets_old_rejections};
pub use times::{counts_what_went_lately, pages_known_records_by_time};

use crate::{
    Fence, JournalId, Kind, Known, Position, Progress, Purged, QueueEntry, Reason, RecordKey, Rejected,
    SegmentInfo, Slice, StateStore, StreamName, Timestamp, from_millis,
};

const FENCE: Fence = 10;
const CALLS: StreamName = StreamName::CALLS;
const DETAILS: StreamName = StreamName::CALL_DETAILS;

/// A version of a call with nothing but what must be there.
pub fn known(key: &str, position: Position) -> Known {
    Known {
        stream: CALLS,
        key: record_key(key),
        hash: 7,
        position,
        private: None,
        time: None,
        modified: None,
        status: None,
        fingerprint: 0,
        paths: 0,
        checked_at: at(0),
        generation: 0,
        gone: false,
        absent: 0,
    }
}

/// An entry that is due at second `due`, of a call at second `time`.
pub fn queued(key: &str, reason: Reason, due: i64, time: Option<i64>) -> QueueEntry {
    QueueEntry {
        stream: DETAILS,
        key: record_key(key),
        reason,
        due_at: at(due),
        time: time.map(at),
        attempts: 0,
    }
}

fn record_key(key: &str) -> RecordKey {
    RecordKey::parse(key).expect("test keys are not empty")
}

fn letter(key: &str, seconds: i64) -> Rejected {
    Rejected::new(CALLS, record_key(key), "time: not a time".into(), at(seconds))
}

/// Seconds after the epoch.
fn at(seconds: i64) -> Timestamp {
    from_millis(seconds * 1000)
}

async fn commit(store: &impl StateStore, progress: Progress) {
    store.commit(FENCE, progress).await.expect("a commit under the highest fence");
}

/// An empty store has nothing, rather than failing.
pub async fn starts_empty(store: impl StateStore) {
    assert_eq!(Contents::of(&store).await, Contents::default());
    assert!(store.known(&CALLS, &[record_key("a")]).await.expect("known").is_empty());
    assert!(store.known(&CALLS, &[]).await.expect("known").is_empty());
    assert!(store.runs(10).await.expect("runs").is_empty());
}

/// Everything comes back as it was stored, extremes included, and storing it again changes nothing.
pub async fn keeps_what_was_committed(store: impl StateStore) {
    let progress = full_progress();
    let mut known = progress.known.clone();
    known.sort_by(|a, b| a.key.cmp(&b.key));
    let expected = Contents {
        count: 3,
        known,
        queue: progress.queued.clone(),
        cursors: progress.cursors.clone(),
        slices: progress.slices.clone(),
        paths: progress.paths.clone(),
        generation: 3,
        segments: Vec::from_iter(progress.segment.clone()),
        rejected: progress.rejected.clone(),
    };
    for _ in 0..2 {
        commit(&store, progress.clone()).await;
        assert_eq!(Contents::of(&store).await, expected);
    }
}

/// All that a small store holds of calls.
#[derive(Debug, Default, PartialEq)]
struct Contents {
    count: u64,
    known: Vec<Known>,
    queue: Vec<QueueEntry>,
    cursors: BTreeMap<String, Timestamp>,
    slices: Vec<Slice>,
    paths: BTreeMap<String, u32>,
    generation: u32,
    segments: Vec<SegmentInfo>,
    rejected: Vec<Rejected>,
}

impl Contents {
    async fn of(store: &impl StateStore) -> Self {
        Self {
            count: store.count_known(&CALLS).await.expect("count"),
            known: store.scan_known(&CALLS, None, 100).await.expect("scan"),
            queue: store.due(at(100), None, 100).await.expect("due"),
            cursors: store.cursors().await.expect("cursors"),
            slices: store.slices(&CALLS).await.expect("slices"),
            paths: store.paths().await.expect("paths"),
            generation: store.generation().await.expect("generation"),
            segments: store.segments(0).await.expect("segments"),
            rejected: store.rejected(100).await.expect("rejected"),
        }
    }
}

fn full_progress() -> Progress {
    let plain = known("a", Position::new(1, 2));
    let full = Known {
        hash: u64::MAX,
        position: Position::new(1, 3),
        private: Some(true),
        time: Some(at(-5)),
        modified: Some(at(50)),
        status: Some("a\0b \u{1f600}".to_owned()),
        fingerprint: 1 << 63,
        paths: u32::MAX,
        checked_at: from_millis(60_001),
        generation: 3,
        absent: 2,
        ..known("key with \0 and ' \u{e000}", Position::START)
    };
    let public = Known { private: Some(false), ..known("b", Position::new(1, 4)) };
    let slice = |from, to: Option<i64>| Slice {
        stream: CALLS,
        from: at(from),
        to: to.map(at),
        proved_at: at(70),
        rows: 5,
    };
    Progress {
        journal: Some(JournalId::from_random([7; 16])),
        purged: Some(Purged::with_key([7; 32])),
        rules: None,
        rewriting: Some(true),
        segment: Some(SegmentInfo {
            number: 1,
            records: 3,
            raw_bytes: 900,
            stored_bytes: 90,
            checksum: "c0ffee".into(),
        }),
        known: vec![plain, full, public],
        done: vec![(DETAILS, record_key("never queued"))],
        queued: vec![
            QueueEntry { attempts: 4, ..queued("a", Reason::Ready, 10, Some(7)) },
            queued("b", Reason::Generation, 20, None),
        ],
        cursors: BTreeMap::from([("calls.forward".to_owned(), at(60))]),
        marks: BTreeMap::new(),
        leads: Vec::new(),
        slices: vec![slice(0, Some(10)), slice(10, None)],
        paths: BTreeMap::from([(".id".to_owned(), 0), (".odd\0path".to_owned(), 1)]),
        generation: Some(3),
        backfills: Vec::new(),
        accepted: Vec::new(),
        rejected: vec![letter("b", 61).by("lake")],
    }
}

/// A lower fence is refused and leaves nothing behind; a higher one is remembered.
pub async fn refuses_a_lower_fence(store: impl StateStore) {
    commit(&store, Progress::default()).await;
    let late = Progress {
        known: vec![known("late", Position::new(1, 2))],
        cursors: BTreeMap::from([("late".to_owned(), at(1))]),
        ..Progress::default()
    };
    let refused = store.commit(FENCE - 1, late).await.expect_err("a lower fence");
    assert_eq!(refused.kind(), Kind::Conflict);
    assert!(store.cursors().await.expect("cursors").is_empty());
    assert_eq!(store.count_known(&CALLS).await.expect("count"), 0);
    store.commit(FENCE + 1, Progress::default()).await.expect("a higher fence");
    let refused = store.commit(FENCE, Progress::default()).await.expect_err("now a lower one");
    assert_eq!(refused.kind(), Kind::Conflict);
}

/// Cursors, generation and versions never go backwards.
pub async fn never_moves_backwards(store: impl StateStore) {
    let step = |cursor, generation, position, hash| Progress {
        cursors: BTreeMap::from([("c".to_owned(), at(cursor))]),
        generation: Some(generation),
        known: vec![Known { hash, ..known("a", position) }],
        ..Progress::default()
    };
    commit(&store, step(50, 2, Position::new(2, 5), 1)).await;
    commit(&store, step(40, 1, Position::new(2, 4), 2)).await;
    assert_eq!(store.cursors().await.expect("cursors").get("c"), Some(&at(50)));
    assert_eq!(store.generation().await.expect("generation"), 2);
    assert_eq!(hash_of(&store, "a").await, 1);
    // At its own position a version is confirmed: what was learnt since is taken.
    commit(&store, step(50, 2, Position::new(2, 5), 3)).await;
    assert_eq!(hash_of(&store, "a").await, 3);
    commit(&store, step(51, 3, Position::new(3, 2), 4)).await;
    assert_eq!(hash_of(&store, "a").await, 4);
}

async fn hash_of(store: &impl StateStore, key: &str) -> u64 {
    let key = record_key(key);
    let found = store.known(&CALLS, std::slice::from_ref(&key)).await.expect("known");
    found.get(&key).map_or(0, |known| known.hash)
}

/// One key several times in one step is as if the versions had come one by one.
pub async fn takes_a_key_twice_in_one_step(store: impl StateStore) {
    let version = |line, hash| Known { hash, ..known("a", Position::new(1, line)) };
    let progress = Progress {
        known: vec![version(2, 1), version(9, 2), version(5, 3)],
        queued: vec![queued("a", Reason::Reread, 5, None), queued("a", Reason::Changed, 8, Some(1))],
        ..Progress::default()
    };
    commit(&store, progress).await;
    assert_eq!(hash_of(&store, "a").await, 2);
    let expected = queued("a", Reason::Changed, 5, Some(1));
    assert_eq!(store.due(at(9), None, 10).await.expect("due"), [expected]);
}

/// A scan gives every record of its stream once, in the order of the keys' bytes; the gone ones are not counted.
pub async fn scans_and_counts_known_records(store: impl StateStore) {
    let mut records: Vec<Known> =
        (0..700).map(|i| known(&format!("k{i}"), Position::new(1, i + 2))).collect();
    records.extend(["Upper", "_low", "\u{e9}", "a b"].map(|key| known(key, Position::new(2, 2))));
    records[5].gone = true;
    let other = Known { stream: DETAILS, ..known("k1", Position::new(1, 1)) };
    let expected: BTreeSet<String> = records.iter().map(|known| known.key.to_string()).collect();
    let all = records.iter().cloned().chain([other]).collect();
    commit(&store, Progress { known: all, ..Progress::default() }).await;

    assert_eq!(store.count_known(&CALLS).await.expect("count"), 703);
    let mut scanned: Vec<String> = Vec::new();
    let mut after = None;
    loop {
        let page = store.scan_known(&CALLS, after.as_ref(), 300).await.expect("scan");
        let Some(last) = page.last() else { break };
        after = Some(last.key.clone());
        scanned.extend(page.iter().map(|known| known.key.to_string()));
    }
    assert_eq!(scanned, Vec::from_iter(expected));
    let keys: Vec<RecordKey> =
        scanned.iter().map(|key| record_key(key)).chain([record_key("unknown")]).collect();
    assert_eq!(store.known(&CALLS, &keys).await.expect("known").len(), 704);
}
