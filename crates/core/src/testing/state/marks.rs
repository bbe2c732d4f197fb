//! Slices, segments and runs.

use super::{CALLS, DETAILS, at, commit};
use crate::{
    Backfill, JournalId, Progress, RuleMemory, RunId, RunRecord, SegmentInfo, Slice, SliceInHand, StateStore,
    StreamMemory,
};

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

/// A backfill is replaced by its id.
pub async fn keeps_backfills(store: impl StateStore) {
    let begun = Backfill { expected: 9, planned: 12, ..Backfill::new("5d..".into(), at(5), None, at(90)) };
    let begun_first = begun.clone();
    let other = Backfill::new("5d..1d".into(), at(5), Some(at(50)), at(91));
    let step = |jobs: &[&Backfill]| Progress {
        backfills: jobs.iter().map(|job| (*job).clone()).collect(),
        ..Progress::default()
    };
    commit(&store, step(&[&begun, &other])).await;
    let hand = SliceInHand { from: at(60), to: at(90), listed_to: at(70), rows: 3 };
    let under_way = Backfill { listed: 4, spent: 6, in_hand: Some(hand), ..begun };
    commit(&store, step(&[&under_way])).await;
    assert_eq!(store.backfills().await.expect("backfills"), [under_way.clone(), other.clone()]);
    let ended = Backfill { in_hand: None, ended_at: Some(at(99)), ..under_way };
    commit(&store, step(&[&ended])).await;
    assert_eq!(store.backfills().await.expect("backfills"), [ended, other.clone()]);

    // Asked for by somebody who does not write: what is under way goes on, what has ended begins anew.
    let again = |job: &Backfill| Backfill::new(job.id.clone(), job.from, Some(job.to), at(200));
    store.ask_backfill(&again(&other)).await.expect("ask");
    store.ask_backfill(&again(&begun_first)).await.expect("ask");
    assert_eq!(store.backfills().await.expect("backfills"), [other, again(&begun_first)]);
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

/// A store belongs to the journal that it was told last.
pub async fn keeps_the_id_of_its_journal(store: impl StateStore) {
    assert_eq!(store.journal().await.expect("journal"), None);
    for number in [1, 1, 2] {
        let id = JournalId::from_random([number; 16]);
        commit(&store, Progress { journal: Some(id.clone()), ..Progress::default() }).await;
        commit(&store, Progress::default()).await;
        assert_eq!(store.journal().await.expect("journal"), Some(id));
    }
}

/// What is not said stays as it was.
pub async fn knows_whether_segments_are_rewritten(store: impl StateStore) {
    assert!(!store.is_rewriting().await.expect("a flag"));
    for (said, expected) in [(Some(true), true), (None, true), (Some(false), false), (None, false)] {
        commit(&store, Progress { rewriting: said, ..Progress::default() }).await;
        assert_eq!(store.is_rewriting().await.expect("a flag"), expected);
    }
}

pub(super) fn run(id: &str, started: i64, outcome: &str) -> RunRecord {
    RunRecord {
        id: RunId::new(id),
        kind: "sync".into(),
        outcome: outcome.into(),
        started_at: at(started),
        ended_at: None,
        report: "{}".into(),
    }
}

/// What is remembered of the column rules comes back as it was, and is replaced as a whole.
pub async fn remembers_the_rules(store: impl StateStore) {
    assert_eq!(store.rules().await.expect("rules"), RuleMemory::default());
    let stream = |digest| StreamMemory {
        digest: Some(digest),
        since: Some(at(7)),
        seen: true,
        met: ["a.b".to_owned()].into(),
    };
    for digest in [u64::MAX, 1] {
        let rules = RuleMemory { key: Some("mark".into()), streams: [(CALLS, stream(digest))].into() };
        commit(&store, Progress { rules: Some(rules.clone()), ..Progress::default() }).await;
        commit(&store, Progress::default()).await;
        assert_eq!(store.rules().await.expect("rules"), rules);
    }
}

/// The latest 500 syncs stay, however many other runs there are, and of those as many.
pub async fn forgets_old_runs(store: impl StateStore) {
    for number in 0..510 {
        store.save_run(&run(&format!("s{number:04}"), number, "done")).await.expect("save");
        let asked = RunRecord { kind: "on_demand".into(), ..run(&format!("x{number:04}"), number, "done") };
        store.save_run(&asked).await.expect("save");
    }
    let syncs = store.syncs(2_000).await.expect("syncs");
    assert_eq!(syncs.len(), 500);
    assert_eq!((&syncs[0], &syncs[499]), (&run("s0509", 509, "done"), &run("s0010", 10, "done")));
    assert_eq!(store.runs(2_000).await.expect("runs").len(), 1_000);
}

/// Runs are replaced by id and come newest first.
pub async fn keeps_runs(store: impl StateStore) {
    for record in [run("b", 2, "running"), run("a", 1, "done"), run("c", 3, "running")] {
        store.save_run(&record).await.expect("save");
    }
    let ended = RunRecord { ended_at: Some(at(9)), ..run("b", 2, "failed") };
    store.save_run(&ended).await.expect("save again");
    assert_eq!(store.runs(2).await.expect("runs"), [run("c", 3, "running"), ended.clone()]);
    let asked = RunRecord { kind: "on_demand".into(), ..run("d", 4, "done") };
    store.save_run(&asked).await.expect("save");
    assert_eq!(store.runs(1).await.expect("runs"), [asked]);
    assert_eq!(store.syncs(2).await.expect("syncs"), [run("c", 3, "running"), ended]);
}
