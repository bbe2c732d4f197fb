//! What this process asked of the vendor so far.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clarion_core::{Purpose, StreamName, Usage};

#[derive(Debug, Default)]
pub(crate) struct Counter(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    sent: BTreeMap<(StreamName, Purpose), u64>,
    retried: u64,
    rate_limited: u64,
}

impl Counter {
    pub(crate) fn sent(&self, stream: &StreamName, purpose: Purpose, again: bool) {
        let mut counts = self.lock();
        *counts.sent.entry((stream.clone(), purpose)).or_default() += 1;
        counts.retried += u64::from(again);
    }

    pub(crate) fn rate_limited(&self) {
        self.lock().rate_limited += 1;
    }

    pub(crate) fn usage(&self) -> Usage {
        let counts = self.lock();
        let mut usage =
            Usage { retried: counts.retried, rate_limited: counts.rate_limited, ..Usage::default() };
        for ((stream, purpose), requests) in &counts.sent {
            usage.total += requests;
            *usage.by_stream.entry(stream.to_string()).or_default() += requests;
            *usage.by_purpose.entry(purpose.as_str().to_owned()).or_default() += requests;
        }
        usage
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
