//! Dead letters.

use super::marks::run;
use super::{CALLS, DETAILS, at, commit, letter};
use crate::{Progress, Rejected, StateStore};

/// That a record could not be fetched is kept for 30 days after it came last, that it could not be loaded for good.
pub async fn forgets_old_rejections(store: impl StateStore) {
    const DAY: i64 = 86_400;
    let rejected =
        vec![letter("once", 0), letter("again", 0), letter("later", 2 * DAY), letter("loaded", 0).by("lake")];
    commit(&store, Progress { rejected, ..Progress::default() }).await;
    commit(&store, Progress { rejected: vec![letter("again", 2 * DAY)], ..Progress::default() }).await;
    store.save_run(&run("a", 30 * DAY, "done")).await.expect("save");
    assert_eq!(store.rejected(10).await.expect("rejected").len(), 4);
    store.save_run(&run("b", 31 * DAY, "done")).await.expect("save");
    let mut left: Vec<String> =
        store.rejected(10).await.expect("rejected").iter().map(|letter| letter.key.to_string()).collect();
    left.sort_unstable();
    assert_eq!(left, ["again", "later", "loaded"]);
}

/// Each destination has its own, which counts how often it came, keeps its beginning, and ends by itself.
pub async fn counts_rejections(store: impl StateStore) {
    let by = |name: &'static str, seconds| letter("a", seconds).by(name);
    let other = Rejected { reason: "title: too long".into(), ..by("lake", 1) };
    let rejected = vec![letter("a", 1), by("lake", 1), by("sea", 1), other.clone(), letter("b", 1)];
    for _ in 0..2 {
        commit(&store, Progress { rejected: rejected.clone(), ..Progress::default() }).await;
    }
    commit(&store, Progress { rejected: vec![by("lake", 5)], ..Progress::default() }).await;
    let of_details = Rejected { stream: DETAILS, ..letter("a", 2) };
    commit(&store, Progress { rejected: vec![of_details], ..Progress::default() }).await;
    let lake = store.rejected_by(Some("lake")).await.expect("rejected");
    let again = Rejected { at: at(5), attempts: 2, ..by("lake", 1) };
    assert_eq!(lake.len(), 2);
    assert!(lake.contains(&again) && lake.contains(&other), "{lake:?}");
    assert_eq!(store.rejected_by(None).await.expect("rejected").len(), 3);
    let counts = store.count_rejected().await.expect("counts");
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(DETAILS, 1), (CALLS, 2)]);

    let step =
        Progress { accepted: vec![again, by("unknown", 1)], rejected: Vec::new(), ..Progress::default() };
    commit(&store, step).await;
    assert_eq!(store.rejected_by(Some("lake")).await.expect("rejected"), [other]);
    assert_eq!(store.rejected_by(Some("sea")).await.expect("rejected"), [by("sea", 1)]);
}
