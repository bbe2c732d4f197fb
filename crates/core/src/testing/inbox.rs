//! What every inbox must do. Each check takes a fresh, empty one.

use crate::{Inbox, Notice, Progress, Purged, RecordKey, StateStore, StreamName, Taken, from_millis};

fn notice(id: &str, call: &str, second: i64) -> Notice {
    let call = RecordKey::parse(call).expect("test keys are not empty");
    Notice { id: id.to_owned(), call, taken_at: from_millis(second * 1000) }
}

async fn take(inbox: &impl Inbox, notice: &Notice) -> Taken {
    inbox.take(notice, 100).await.expect("take")
}

/// An id counts once, whatever it says the second time, while it waits and after it was settled.
pub async fn takes_an_id_once(inbox: impl Inbox) {
    let first = notice("a", "call 1", 1);
    assert_eq!(take(&inbox, &first).await, Taken::New);
    assert_eq!(take(&inbox, &notice("a", "call 2", 2)).await, Taken::Repeated);
    assert_eq!(inbox.waiting(10).await.expect("waiting"), [first]);
    inbox.settle(&["a".to_owned()]).await.expect("settle");
    assert_eq!(take(&inbox, &notice("a", "call 1", 3)).await, Taken::Repeated);
    assert!(inbox.waiting(10).await.expect("waiting").is_empty());
}

/// They wait in the order they came, until they are settled; settling twice changes nothing.
pub async fn keeps_them_in_order(inbox: impl Inbox) {
    let all = [notice("c", "x", 1), notice("a", "y\0z", 2), notice("b", "x", 3)];
    for notice in all.iter().rev() {
        assert_eq!(take(&inbox, notice).await, Taken::New);
    }
    assert_eq!(inbox.waiting(10).await.expect("waiting"), all);
    assert_eq!(inbox.waiting(2).await.expect("waiting"), all[..2]);
    for _ in 0..2 {
        inbox.settle(&["a".to_owned(), "unknown".to_owned()]).await.expect("settle");
        assert_eq!(inbox.waiting(10).await.expect("waiting"), [all[0].clone(), all[2].clone()]);
    }
}

/// A full inbox takes nothing, and something again when there is room.
pub async fn is_bounded(inbox: impl Inbox) {
    for (id, taken) in [("a", Taken::New), ("b", Taken::New), ("c", Taken::Full), ("b", Taken::Repeated)] {
        assert_eq!(inbox.take(&notice(id, "x", 1), 2).await.expect("take"), taken, "{id}");
    }
    inbox.settle(&["a".to_owned()]).await.expect("settle");
    assert_eq!(inbox.take(&notice("c", "x", 1), 2).await.expect("take"), Taken::New);
}

/// What is old and settled is forgotten; what waits never is.
pub async fn forgets_what_is_settled(inbox: impl Inbox) {
    for (id, second) in [("old", 1), ("new", 9), ("waiting", 1)] {
        take(&inbox, &notice(id, "x", second)).await;
    }
    inbox.settle(&["old".to_owned(), "new".to_owned()]).await.expect("settle");
    inbox.forget(from_millis(5000)).await.expect("forget");
    assert_eq!(inbox.waiting(10).await.expect("waiting").len(), 1);
    assert_eq!(take(&inbox, &notice("old", "x", 10)).await, Taken::New);
    assert_eq!(take(&inbox, &notice("new", "x", 10)).await, Taken::Repeated);
}

/// Of a purged call nothing waits, whether the notification came before the purge or after it.
pub async fn takes_nothing_of_a_purged_call(store: impl Inbox + StateStore) {
    let (gone, stays) = (notice("a", "gone", 1), notice("b", "stays", 2));
    for notice in [&gone, &stays] {
        assert_eq!(take(&store, notice).await, Taken::New);
    }
    let keys = [(StreamName::CALLS, [gone.call.clone()].into())].into();
    store.purge(1, &keys).await.expect("purge");
    assert_eq!(store.waiting(10).await.expect("waiting"), std::slice::from_ref(&stays));
    assert_eq!(take(&store, &gone).await, Taken::Repeated);
    let mut purged = Purged::with_key([1; 32]);
    purged.add(&gone.call);
    let progress = Progress { purged: Some(purged), ..Progress::default() };
    store.commit(1, progress).await.expect("commit");
    assert_eq!(take(&store, &notice("c", "gone", 3)).await, Taken::New);
    assert_eq!(store.waiting(10).await.expect("waiting"), [stays]);
}
