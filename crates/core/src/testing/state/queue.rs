//! The queue's part of the suite.

use std::collections::BTreeMap;

use super::{DETAILS, at, commit, queued, record_key};
use crate::{Progress, QueueEntry, Reason, StateStore};

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
        assert_eq!(store.due(at(99), None, 10).await.expect("due"), std::slice::from_ref(&retried));
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
