//! What every state store must do. Each check takes a fresh, empty store.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Fence, Kind, Known, Position, Progress, QueueEntry, Reason, RecordKey, Rejected, RunId, RunRecord,
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

/// Seconds after the epoch.
fn at(seconds: i64) -> Timestamp {
    from_millis(seconds * 1000)
}

async fn commit(store: &impl StateStore, progress: Progress) {
    store.commit(FENCE, progress).await.expect("a commit under the highest fence");
}

/// An empty store has nothing, rather than failing.
pub async fn starts_empty(store: impl StateStore) {
    assert!(store.known(&CALLS, &[record_key("a")]).await.expect("known").is_empty());
    assert!(store.known(&CALLS, &[]).await.expect("known").is_empty());
    assert_eq!(store.count_known(&CALLS).await.expect("count"), 0);
    assert!(store.scan_known(&CALLS, None, 10).await.expect("scan").is_empty());
    assert!(store.due(at(9), None, 10).await.expect("due").is_empty());
    assert!(store.queue_depth(at(9)).await.expect("depth").is_empty());
    assert!(store.cursors().await.expect("cursors").is_empty());
    assert!(store.slices(&CALLS).await.expect("slices").is_empty());
    assert!(store.paths().await.expect("paths").is_empty());
    assert_eq!(store.generation().await.expect("generation"), 0);
    assert!(store.segments(0).await.expect("segments").is_empty());
    assert!(store.rejected(10).await.expect("rejected").is_empty());
    assert!(store.runs(10).await.expect("runs").is_empty());
}

/// Everything comes back as it was stored, extremes included, and storing it again changes nothing.
pub async fn keeps_what_was_committed(store: impl StateStore) {
    let progress = full_progress();
    for _ in 0..2 {
        commit(&store, progress.clone()).await;
        let keys: Vec<RecordKey> = progress.known.iter().map(|known| known.key.clone()).collect();
        let found = store.known(&CALLS, &keys).await.expect("known");
        assert_eq!(found.len(), progress.known.len());
        for expected in &progress.known {
            assert_eq!(found.get(&expected.key), Some(expected));
        }
        assert_eq!(store.cursors().await.expect("cursors"), progress.cursors);
        assert_eq!(store.slices(&CALLS).await.expect("slices"), progress.slices);
        assert_eq!(store.paths().await.expect("paths"), progress.paths);
        assert_eq!(store.generation().await.expect("generation"), 3);
        assert_eq!(store.segments(0).await.expect("segments"), Vec::from_iter(progress.segment.clone()));
        assert_eq!(store.rejected(10).await.expect("rejected"), progress.rejected);
        assert_eq!(store.due(at(100), None, 10).await.expect("due"), progress.queued);
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
        slices: vec![slice(0, Some(10)), slice(10, None)],
        paths: BTreeMap::from([(".id".to_owned(), 0), (".odd\0path".to_owned(), 1)]),
        generation: Some(3),
        rejected: vec![Rejected {
            stream: CALLS,
            key: record_key("b"),
            reason: "time: not a time".into(),
            at: at(61),
        }],
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

/// Queueing again keeps what is more urgent; done and queued at once stays queued as queued says.
pub async fn merges_queue_entries(store: impl StateStore) {
    let queue = |entry| Progress { queued: vec![entry], ..Progress::default() };
    commit(&store, queue(queued("a", Reason::Changed, 50, Some(1)))).await;
    let again = QueueEntry { attempts: 2, ..queued("a", Reason::Generation, 10, Some(2)) };
    commit(&store, queue(again)).await;
    let merged = QueueEntry { attempts: 2, ..queued("a", Reason::Changed, 10, Some(2)) };
    assert_eq!(store.due(at(99), None, 10).await.expect("due"), [merged]);

    let retried = QueueEntry { attempts: 3, ..queued("a", Reason::Reread, 80, None) };
    let done = vec![(DETAILS, record_key("a"))];
    let progress = Progress { done: done.clone(), ..queue(retried.clone()) };
    for _ in 0..2 {
        commit(&store, progress.clone()).await;
        assert_eq!(store.due(at(99), None, 10).await.expect("due"), [retried.clone()]);
    }
    commit(&store, Progress { done, ..Progress::default() }).await;
    assert!(store.due(at(99), None, 10).await.expect("due").is_empty());
}

/// Due entries come by priority, then newest first with none last, then key; pages neither repeat nor skip.
pub async fn pages_the_queue_in_order(store: impl StateStore) {
    let in_order = vec![
        queued("z", Reason::Ready, 1, None),
        queued("m", Reason::Backfill, 1, Some(30)),
        queued("B", Reason::Backfill, 1, Some(20)),
        queued("a", Reason::Backfill, 1, Some(20)),
        queued("c", Reason::Backfill, 1, Some(-20)),
        queued("a2", Reason::Backfill, 1, None),
        queued("b2", Reason::Backfill, 1, None),
        queued("y", Reason::Generation, 1, Some(99)),
    ];
    let mut mixed = in_order.clone();
    mixed.reverse();
    mixed.push(queued("later", Reason::Ready, 1000, Some(99)));
    commit(&store, Progress { queued: mixed, ..Progress::default() }).await;
    for limit in [1, 3, 100] {
        let mut paged: Vec<QueueEntry> = Vec::new();
        loop {
            let page = store.due(at(1), paged.last(), limit).await.expect("due");
            if page.is_empty() {
                break;
            }
            paged.extend(page);
        }
        assert_eq!(paged, in_order, "pages of {limit}");
    }
    let depth = store.queue_depth(at(1)).await.expect("depth");
    assert_eq!(
        depth,
        BTreeMap::from([(Reason::Ready, (2, 1)), (Reason::Backfill, (6, 6)), (Reason::Generation, (1, 1))])
    );
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

/// A slice stays until one that covers it is proved later, whatever is repeated.
pub async fn keeps_slices_until_they_are_covered(store: impl StateStore) {
    let slice = |from, to: Option<i64>, proved| Slice {
        stream: CALLS,
        from: at(from),
        to: to.map(at),
        proved_at: at(proved),
        rows: 1,
    };
    let step = |slices: &[Slice]| Progress { slices: slices.to_vec(), ..Progress::default() };
    let (first, second, tail) = (slice(0, Some(10), 1), slice(10, Some(20), 2), slice(20, None, 3));
    commit(&store, step(&[first.clone(), second.clone(), tail.clone()])).await;
    let partial = slice(12, Some(30), 4);
    commit(&store, step(std::slice::from_ref(&partial))).await;
    assert_eq!(store.slices(&CALLS).await.expect("slices"), [first.clone(), second.clone(), partial, tail]);
    let whole = slice(0, None, 5);
    commit(&store, step(std::slice::from_ref(&whole))).await;
    commit(&store, step(&[first, second])).await;
    assert_eq!(store.slices(&CALLS).await.expect("slices"), [whole]);
    assert!(store.slices(&DETAILS).await.expect("slices").is_empty());
}

/// Segments come in order; one that was rewritten keeps its number.
pub async fn lists_segments_in_order(store: impl StateStore) {
    let segment = |number, checksum: &str| SegmentInfo {
        number,
        records: 1,
        raw_bytes: 2,
        stored_bytes: 3,
        checksum: checksum.to_owned(),
    };
    for info in [segment(9, "i"), segment(10, "j"), segment(11, "k"), segment(10, "rewritten")] {
        commit(&store, Progress { segment: Some(info), ..Progress::default() }).await;
    }
    let expected = [segment(10, "rewritten"), segment(11, "k")];
    assert_eq!(store.segments(9).await.expect("segments"), expected);
}

/// Runs are replaced by id and come newest first.
pub async fn keeps_runs(store: impl StateStore) {
    let run = |id: &str, started: i64, outcome: &str| RunRecord {
        id: RunId::new(id),
        kind: "sync".into(),
        outcome: outcome.into(),
        started_at: at(started),
        ended_at: None,
        report: "{}".into(),
    };
    for record in [run("b", 2, "running"), run("a", 1, "done"), run("c", 3, "running")] {
        store.save_run(&record).await.expect("save");
    }
    let ended = RunRecord { ended_at: Some(at(9)), ..run("b", 2, "failed") };
    store.save_run(&ended).await.expect("save again");
    assert_eq!(store.runs(2).await.expect("runs"), [run("c", 3, "running"), ended]);
}
