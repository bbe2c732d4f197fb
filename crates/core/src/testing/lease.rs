//! What every lease must do. Each check takes two leases of one store, as two processes would have them.

use crate::{Kind, Lease};

/// Only one holder at a time; the refusal names it; given back, it can be taken again.
pub async fn has_one_holder(first: impl Lease, second: impl Lease) {
    let guard = first.take("sync").await.expect("a free lease");
    for lease in [&first as &dyn Lease, &second] {
        let refused = lease.take("load").await.err().expect("a lease that is held");
        assert_eq!(refused.kind(), Kind::Conflict);
        let text = refused.to_string();
        assert!(text.contains(&std::process::id().to_string()), "{text}");
        assert!(text.contains("sync"), "{text}");
        assert!(refused.way_out().is_some());
    }
    drop(guard);
    let guard = second.take("load").await.expect("a lease that was given back");
    drop(guard);
    first.take("sync").await.expect("and again");
}

/// Each holder's fence is higher than all before.
pub async fn fences_grow(first: impl Lease, second: impl Lease) {
    let mut last = 0;
    for lease in [&first as &dyn Lease, &second, &first] {
        let guard = lease.take("sync").await.expect("a free lease");
        assert!(guard.fence() > last, "{} after {last}", guard.fence());
        last = guard.fence();
    }
}
