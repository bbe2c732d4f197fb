//! Known records by the time of the call, and those that are gone.

use super::{CALLS, DETAILS, at, commit, known};
use crate::{Known, Position, Progress, Span, StateStore};

/// A page gives what lies in the span and is not gone, by time and key, each record once.
pub async fn pages_known_records_by_time(store: impl StateStore) {
    let timed = |key: &str, line, time| Known { time: Some(at(time)), ..known(key, Position::new(1, line)) };
    let mut records: Vec<Known> =
        (0..40).map(|i: u32| timed(&format!("k{i:02}"), i + 2, i64::from(i / 4))).collect();
    records.push(Known { gone: true, ..timed("gone", 50, 5) });
    records.push(known("timeless", Position::new(1, 51)));
    records.push(Known { stream: DETAILS, ..timed("k00", 52, 5) });
    records.push(timed("before", 53, -1));
    commit(&store, Progress { known: records, ..Progress::default() }).await;

    let expected: Vec<String> = (8..36).map(|i| format!("k{i:02}")).collect();
    for limit in [1, 3, 100] {
        let span = Span { from: at(2), to: Some(at(9)) };
        assert_eq!(paged(&store, span, limit).await, expected, "pages of {limit}");
    }
    let open = paged(&store, Span { from: at(9), to: None }, 3).await;
    assert_eq!(open, ["k36", "k37", "k38", "k39"]);
    assert!(paged(&store, Span { from: at(10), to: None }, 3).await.is_empty());
}

async fn paged(store: &impl StateStore, span: Span, limit: u32) -> Vec<String> {
    let mut keys = Vec::new();
    let mut after: Option<Known> = None;
    loop {
        let page = store.known_in(&CALLS, span, after.as_ref(), limit).await.expect("known");
        let Some(last) = page.last() else { return keys };
        after = Some(last.clone());
        keys.extend(page.iter().map(|known| known.key.to_string()));
    }
}

/// What went long ago, what is there and other streams do not count.
pub async fn counts_what_went_lately(store: impl StateStore) {
    let record =
        |key: &str, gone, checked| Known { gone, checked_at: at(checked), ..known(key, Position::new(1, 2)) };
    let records = vec![
        record("a", true, 10),
        record("b", true, 20),
        record("c", true, 9),
        record("d", false, 30),
        Known { stream: DETAILS, ..record("a", true, 30) },
    ];
    commit(&store, Progress { known: records, ..Progress::default() }).await;
    assert_eq!(store.count_gone(&CALLS, at(10)).await.expect("count"), 2);
    assert_eq!(store.count_gone(&CALLS, at(21)).await.expect("count"), 0);
}
