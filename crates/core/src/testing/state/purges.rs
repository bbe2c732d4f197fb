//! Forgetting records for good.

use super::{CALLS, DETAILS, FENCE, at, commit, known, queued, record_key};
use crate::{
    ChangedKeys, Kind, Known, Lead, Position, Progress, Purged, Reason, Rejected, RunId, RunRecord,
    StateStore, StreamName, content_hash, from_millis,
};

/// The marks of purged calls come back as they were, and are replaced as a whole.
pub async fn remembers_what_was_purged(store: impl StateStore) {
    assert_eq!(store.purged().await.expect("purged"), None);
    let mut purged = Purged::with_key([3; 32]);
    for key in ["a", "b"] {
        purged.add(&record_key(key));
        commit(&store, Progress { purged: Some(purged.clone()), ..Progress::default() }).await;
        commit(&store, Progress::default()).await;
        assert_eq!(store.purged().await.expect("purged"), Some(purged.clone()));
    }
}

/// Nothing of a purged record is left, and nothing of the others is missing.
pub async fn forgets_what_was_purged(store: impl StateStore) {
    let [gone, odd, stays] = ["0b5e-gone", "it's \"gone\"", "0b5e-stays"];
    commit(&store, everything_of(&[gone, odd, stays])).await;
    for (number, key) in (1..).zip([gone, odd, stays]) {
        store.save_run(&run(number, key)).await.expect("save");
    }
    let keys = [CALLS, DETAILS].map(|stream| (stream, [gone, odd].map(record_key).into()));
    let keys: ChangedKeys = keys.into();
    let refused = store.purge(FENCE - 1, &keys).await.expect_err("the fence is lower");
    assert_eq!(refused.kind(), Kind::Conflict);
    assert_eq!(store.count_known(&CALLS).await.expect("count"), 3);
    for _ in 0..2 {
        store.purge(FENCE, &keys).await.expect("purge");
        assert_eq!(leads_and_marks(&store).await, [stays, stays]);
        assert_eq!(keys_left(&store).await, [stays; 4]);
        let runs = store.runs(10).await.expect("runs");
        assert_eq!(runs[0], run(3, stays));
        for run in &runs[1..] {
            assert!(!run.report.contains("gone"), "{}", run.report);
            assert!(run.report.contains("the other warning"), "{}", run.report);
        }
    }
}

/// The key of another record that is about the call may be anything; what else looks like it has nothing to do with it.
pub async fn forgets_no_more_than_was_purged(store: impl StateStore) {
    let (notes, lists) = (StreamName::of("notes"), StreamName::of("lists"));
    let [call, number] = ["0b5e-gone", "7"].map(record_key);
    let leads = [&notes, &lists].map(|stream| Lead::found(stream.clone(), number.clone()));
    let letter = Rejected::new(lists.clone(), record_key("8"), "status 507".to_owned(), at(5));
    let marks = [("a", "2026-11-07T17:27:37Z"), ("b", "7"), ("c", "x 0b5e-gone")];
    let marks = marks.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let step = Progress {
        leads: leads.to_vec(),
        marks: marks.clone().into(),
        rejected: vec![letter],
        ..Progress::default()
    };
    commit(&store, step).await;
    store.save_run(&run(7, "77")).await.expect("save");
    let keys = [(CALLS, [call.clone()].into()), (DETAILS, [call].into()), (notes.clone(), [number].into())];
    store.purge(FENCE, &keys.into()).await.expect("purge");
    assert_eq!(store.leads(&notes, at(9), None, 9).await.expect("leads"), []);
    assert_eq!(store.leads(&lists, at(9), None, 9).await.expect("leads"), leads[1..]);
    assert_eq!(store.marks().await.expect("marks"), marks.into());
    assert_eq!(store.rejected(9).await.expect("rejected").len(), 1);
    assert_eq!(store.runs(9).await.expect("runs"), [run(7, "77")]);
}

async fn leads_and_marks(store: &impl StateStore) -> Vec<String> {
    let leads = store.leads(&StreamName::of("notes"), at(9), None, 10).await.expect("leads");
    let leads = leads.into_iter().map(|lead| lead.key.to_string());
    leads.chain(store.marks().await.expect("marks").into_values()).collect()
}

/// Of calls, details, queue and dead letters.
async fn keys_left(store: &impl StateStore) -> Vec<String> {
    let mut keys = Vec::new();
    for stream in [CALLS, DETAILS] {
        keys.extend(
            store.scan_known(&stream, None, 10).await.expect("scan").into_iter().map(|known| known.key),
        );
    }
    keys.extend(store.due(at(100), None, 10).await.expect("due").into_iter().map(|entry| entry.key));
    keys.extend(store.rejected(10).await.expect("rejected").into_iter().map(|letter| letter.key));
    keys.into_iter().map(|key| key.to_string()).collect()
}

fn everything_of(keys: &[&str]) -> Progress {
    let in_both =
        |key: &&str| [CALLS, DETAILS].map(|stream| Known { stream, ..known(key, Position::new(1, 2)) });
    let letter =
        |key: &&str| Rejected::new(DETAILS, record_key(key), format!("the record {key} is odd"), at(5));
    Progress {
        leads: keys.iter().map(|key| Lead::found(StreamName::of("notes"), record_key(key))).collect(),
        marks: keys
            .iter()
            .map(|key| (format!("mark {}", content_hash(key.as_bytes())), (*key).to_owned()))
            .collect(),
        known: keys.iter().flat_map(in_both).collect(),
        queued: keys.iter().map(|key| queued(key, Reason::Ready, 10, None)).collect(),
        rejected: keys.iter().map(letter).collect(),
        ..Progress::default()
    }
}

fn run(number: i64, key: &str) -> RunRecord {
    let warnings = [format!("call {key} was listed"), "the other warning".to_owned()];
    RunRecord {
        id: RunId::new(format!("run-{number}")),
        kind: "sync".to_owned(),
        outcome: "done".to_owned(),
        started_at: from_millis(number),
        ended_at: None,
        report: serde_json::json!({ "warnings": warnings }).to_string(),
    }
}
