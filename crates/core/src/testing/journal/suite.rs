//! What every journal must do.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::{
    Checkpoint, Entry, Journal, Kind, Op, Purged, RecordKey, RunId, SegmentInfo, SegmentNo, StreamName,
    Timestamp, from_millis, parse_timestamp,
};

/// Opens one journal as often as asked; each time as a new process that finds what the ones before left.
pub type Opener = Box<dyn Fn() -> Box<dyn Journal> + Send + Sync>;

/// Runs every scenario, each on a journal of its own that `fresh` makes.
pub async fn conforms(fresh: &(dyn Fn() -> Opener + Sync)) {
    a_new_journal_is_empty(&fresh()).await;
    a_journal_keeps_its_id_and_no_other_has_it(&fresh(), &fresh()).await;
    it_remembers_what_was_purged(&fresh()).await;
    what_was_appended_is_read_back_as_it_was(&fresh()).await;
    the_header_tells_what_the_segment_holds(&fresh()).await;
    segments_are_numbered_from_one_without_gaps(&fresh()).await;
    the_next_process_goes_on_with_the_next_number(&fresh()).await;
    a_dead_process_loses_nothing_it_appended(&fresh()).await;
    nothing_is_appended_to_a_dead_processes_segment(&fresh()).await;
    recovery_leaves_the_own_open_segment_alone(&fresh()).await;
    a_missing_segment_is_corrupt_and_named(&fresh()).await;
    a_lower_fence_changes_nothing(&fresh()).await;
    a_claim_alone_changes_nothing(&fresh()).await;
    a_dropped_record_leaves_an_empty_line(&fresh()).await;
    a_rewritten_segment_names_what_it_replaces(&fresh()).await;
}

/// A record of `calls` with a time, as the vendor would send it.
pub fn entry(key: &str) -> Entry {
    let time = "2026-03-01T09:30:00.000Z";
    Entry {
        stream: StreamName::CALLS,
        key: RecordKey::parse(key).expect("test keys are not empty"),
        op: Op::Upsert,
        observed_at: from_millis(1_790_000_000_123),
        private: Some(false),
        time: parse_timestamp(time),
        data: Bytes::from(format!("{{\"id\":\"{key}\",\"time\":\"{time}\",\"title\":\"Grüße 👋\"}}")),
    }
}

async fn a_new_journal_is_empty(open: &Opener) {
    let journal = open();
    journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
    assert_eq!(journal.open_bytes(), 0);
    assert_eq!(journal.cut(&run(), Checkpoint::default()).await.expect("cuts"), None);
    assert!(journal.segments(0).await.expect("lists").is_empty());
}

async fn a_journal_keeps_its_id_and_no_other_has_it(open: &Opener, other: &Opener) {
    let journal = open();
    assert_eq!(journal.id().await.expect("looks"), None, "it is not begun");
    journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
    let id = journal.id().await.expect("looks").expect("it is begun");
    append(&*journal, &[entry("a")]).await;
    cut(&*journal).await;
    assert_eq!(journal.header(1).await.expect("reads").journal.as_ref(), Some(&id));
    assert_eq!(open().id().await.expect("looks").as_ref(), Some(&id), "another process sees the same");
    let other = other();
    append(&*other, &[entry("a")]).await;
    cut(&*other).await;
    let begun = other.id().await.expect("looks").expect("a cut begins it too");
    assert_ne!(begun, id);
}

async fn it_remembers_what_was_purged(open: &Opener) {
    let journal = open();
    assert_eq!(journal.purged().await.expect("looks"), None, "it is not begun");
    journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
    let mut purged = journal.purged().await.expect("looks").expect("it is begun");
    let call = entry("a").key;
    assert!(!purged.contains(&call));
    purged.add(&call);
    let id = journal.id().await.expect("looks");
    journal.remember_purged(&purged).await.expect("writes");
    let journal = open();
    journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
    assert_eq!(journal.purged().await.expect("looks"), Some(purged));
    assert_eq!(journal.id().await.expect("looks"), id);
}

async fn what_was_appended_is_read_back_as_it_was(open: &Opener) {
    let journal = open();
    let entries = assorted();
    append(&*journal, &entries).await;
    assert!(journal.open_bytes() > 0);
    assert_eq!(cut(&*journal).await, 1);
    assert_eq!(journal.open_bytes(), 0);
    assert_eq!(read(&*journal, 1).await, entries);
    assert_eq!(read(&*open(), 1).await, entries, "another process reads the same");
}

async fn the_header_tells_what_the_segment_holds(open: &Opener) {
    let journal = open();
    let entries = assorted();
    append(&*journal, &entries).await;
    let info = journal.cut(&run(), checkpoint()).await.expect("cuts").expect("has records");
    let header = journal.header(1).await.expect("reads");
    assert_eq!(header.run_id, run());
    assert_eq!(header.checkpoint, checkpoint());
    assert_eq!(header.raw_bytes, info.raw_bytes);
    assert_eq!(info.records as usize, entries.len());
    assert_eq!(header.index.len(), entries.len());
    for (line, entry) in header.index.iter().zip(&entries) {
        let line = line.as_ref().expect("nothing was dropped");
        assert_eq!((&line.stream, &line.key, line.op), (&entry.stream, &entry.key, entry.op));
        assert_eq!(line.time, entry.time);
    }
}

async fn segments_are_numbered_from_one_without_gaps(open: &Opener) {
    let journal = open();
    let mut infos = Vec::new();
    for key in ["a", "b", "c"] {
        append(&*journal, &[entry(key)]).await;
        infos.extend(journal.cut(&run(), Checkpoint::default()).await.expect("cuts"));
        assert_eq!(
            journal.cut(&run(), Checkpoint::default()).await.expect("cuts"),
            None,
            "nothing was appended"
        );
    }
    let numbers: Vec<SegmentNo> = infos.iter().map(|info| info.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(journal.segments(0).await.expect("lists"), infos);
    assert_eq!(journal.segments(2).await.expect("lists"), infos[2..]);
    assert!(journal.segments(3).await.expect("lists").is_empty());
}

async fn the_next_process_goes_on_with_the_next_number(open: &Opener) {
    for (key, number) in [("a", 1), ("b", 2), ("c", 3)] {
        let journal = open();
        journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
        append(&*journal, &[entry(key)]).await;
        assert_eq!(cut(&*journal).await, number);
    }
}

async fn a_dead_process_loses_nothing_it_appended(open: &Opener) {
    let entries = assorted();
    let dead = open();
    append(&*dead, &entries[..1]).await;
    assert_eq!(cut(&*dead).await, 1);
    append(&*dead, &entries).await;
    drop(dead);
    let journal = open();
    for _ in 0..2 {
        journal.recover(&run(), checkpoint()).await.expect("recovers");
        assert_eq!(journal.segments(0).await.expect("lists").len(), 2);
        assert_eq!(read(&*journal, 2).await, entries);
        assert_eq!(journal.header(2).await.expect("reads").checkpoint, checkpoint());
    }
    append(&*journal, &entries).await;
    assert_eq!(cut(&*journal).await, 3);
}

async fn nothing_is_appended_to_a_dead_processes_segment(open: &Opener) {
    let dead = open();
    append(&*dead, &[entry("a")]).await;
    drop(dead);
    let journal = open();
    let error = journal.append(&entry("b")).await.expect_err("must be recovered first");
    assert_eq!(error.kind(), Kind::Conflict);
    assert_eq!(journal.cut(&run(), Checkpoint::default()).await.expect("nothing is its own"), None);
    journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
    assert_eq!(read(&*journal, 1).await, [entry("a")]);
}

async fn recovery_leaves_the_own_open_segment_alone(open: &Opener) {
    let journal = open();
    append(&*journal, &[entry("a")]).await;
    journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
    assert!(journal.segments(0).await.expect("lists").is_empty());
    append(&*journal, &[entry("b")]).await;
    assert_eq!(cut(&*journal).await, 1);
    assert_eq!(read(&*journal, 1).await, [entry("a"), entry("b")]);
}

async fn a_lower_fence_changes_nothing(open: &Opener) {
    let zombie = open();
    zombie.claim(5).await.expect("nobody was here");
    zombie.recover(&run(), Checkpoint::default()).await.expect("recovers");
    append(&*zombie, &[entry("a")]).await;

    let next = open();
    next.claim(6).await.expect("a higher fence");
    next.recover(&run(), Checkpoint::default()).await.expect("takes up what was open");
    assert_powerless(&*zombie).await;
    append(&*next, &[entry("b")]).await;
    assert_powerless(&*zombie).await;
    append(&*next, &[entry("c")]).await;
    assert_eq!(cut(&*next).await, 2);
    assert_refused(open().claim(5).await);
    assert_refused(open().append(&entry("x")).await);
    assert_eq!(next.segments(0).await.expect("lists").len(), 2);
    assert_eq!(read(&*next, 1).await, [entry("a")]);
    assert_eq!(read(&*next, 2).await, [entry("b"), entry("c")]);
}

async fn assert_powerless(zombie: &dyn Journal) {
    // Whether it can still be appended is of no use to anybody.
    let _ = zombie.append(&entry("z")).await;
    let purged = Purged::with_key([3; 32]);
    for asked in [
        zombie.cut(&run(), Checkpoint::default()).await.map(drop),
        zombie.recover(&run(), Checkpoint::default()).await,
        zombie.rewrite(1, &[2].into()).await.map(drop),
        zombie.remember_purged(&purged).await,
    ] {
        assert_refused(asked);
    }
}

/// A run that has nothing to write leaves no trace.
async fn a_claim_alone_changes_nothing(open: &Opener) {
    let journal = open();
    journal.claim(7).await.expect("nobody was here");
    journal.recover(&run(), Checkpoint::default()).await.expect("recovers");
    assert_eq!(journal.cut(&run(), Checkpoint::default()).await.expect("cuts"), None);
    open().claim(6).await.expect("nobody has written");
}

#[track_caller]
fn assert_refused(result: crate::Result<()>) {
    assert_eq!(result.expect_err("a later writer was here").kind(), Kind::Conflict);
}

async fn a_missing_segment_is_corrupt_and_named(open: &Opener) {
    let journal = open();
    for error in
        [journal.read(7).await.expect_err("is not there"), journal.header(7).await.expect_err("is not there")]
    {
        assert_eq!(error.kind(), Kind::Corrupt);
        assert!(
            error.context().iter().any(|(name, value)| *name == "segment" && value.contains('7')),
            "{error}"
        );
    }
}

async fn a_dropped_record_leaves_an_empty_line(open: &Opener) {
    let journal = open();
    append(&*journal, &assorted()).await;
    let before = journal.cut(&run(), checkpoint()).await.expect("cuts").expect("has records");
    let header = journal.header(1).await.expect("reads");
    append(&*journal, &[entry("next")]).await;
    cut(&*journal).await;
    let after = drop_lines(&*journal, &[2, 4]).await;
    assert_eq!((after.number, after.records), (1, before.records), "positions count every line");
    assert!(after.raw_bytes < before.raw_bytes && after.checksum != before.checksum);
    let mut expected: Vec<Option<Entry>> = assorted().into_iter().map(Some).collect();
    (expected[0], expected[2]) = (None, None);
    assert_eq!(open().read(1).await.expect("reads"), expected);
    let mut index = header.index.clone();
    (index[0], index[2]) = (None, None);
    let rewritten = journal.header(1).await.expect("reads");
    assert_eq!(rewritten.index, index);
    assert_eq!((rewritten.checkpoint, rewritten.run_id), (header.checkpoint, header.run_id));
    assert_eq!(read(&*journal, 2).await, [entry("next")], "the next one is as it was");
}

async fn a_rewritten_segment_names_what_it_replaces(open: &Opener) {
    let journal = open();
    append(&*journal, &assorted()).await;
    let first = journal.cut(&run(), checkpoint()).await.expect("cuts").expect("has records");
    let second = drop_lines(&*journal, &[3]).await;
    assert_eq!(drop_lines(&*journal, &[3]).await, second, "dropping again changes nothing");
    assert_eq!(journal.segments(0).await.expect("lists"), std::slice::from_ref(&second));
    let all: Vec<u32> = (2..=first.records + 1).collect();
    let third = drop_lines(&*journal, &all).await;
    assert_eq!(open().segments(0).await.expect("lists"), [third]);
    assert!(open().read(1).await.expect("reads").iter().all(Option::is_none));
    assert_eq!(journal.header(1).await.expect("reads").replaces, [first.checksum, second.checksum]);
}

async fn drop_lines(journal: &dyn Journal, lines: &[u32]) -> SegmentInfo {
    journal.rewrite(1, &lines.iter().copied().collect()).await.expect("rewrites")
}

/// Every kind of envelope, and text that a journal must not touch.
fn assorted() -> Vec<Entry> {
    let odd_key = RecordKey::parse(",\"data\":{\n\u{0}\\é").expect("not empty");
    let nothing_known =
        Entry { stream: StreamName::USERS, key: odd_key, private: None, time: None, ..entry("u") };
    let odd =
        br#"{"id":"d", "time":"2026-03-01T09:30:00Z","t":"\ud83d \u0000 \\ \"data\":","n":1e400 , "z":-0.0}"#;
    let details = Entry {
        stream: StreamName::CALL_DETAILS,
        private: Some(true),
        data: Bytes::from_static(odd),
        ..entry("d")
    };
    let deleted = Entry { op: Op::Delete, time: None, data: Bytes::new(), ..entry("gone") };
    let last =
        Entry { observed_at: Timestamp::UNIX_EPOCH, time: None, data: Bytes::from("{}"), ..entry("z") };
    vec![entry("a"), nothing_known, details, deleted, last]
}

fn checkpoint() -> Checkpoint {
    let cursors = BTreeMap::from([("calls".to_owned(), from_millis(1_780_000_000_000))]);
    Checkpoint { cursors, generation: 3, ..Checkpoint::default() }
}

fn run() -> RunId {
    RunId::new("20261120T115200-4f2a")
}

async fn append(journal: &dyn Journal, entries: &[Entry]) {
    for entry in entries {
        journal.append(entry).await.expect("appends");
    }
}

async fn cut(journal: &dyn Journal) -> SegmentNo {
    journal.cut(&run(), Checkpoint::default()).await.expect("cuts").expect("has records").number
}

async fn read(journal: &dyn Journal, segment: SegmentNo) -> Vec<Entry> {
    let records = journal.read(segment).await.expect("reads");
    records.into_iter().map(|record| record.expect("nothing was dropped")).collect()
}
