//! All calls of the workspace, and the orders in which they are listed.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::call::Call;

/// Calls in one order; a reader keeps it while edits go on.
pub(crate) type Listing = Arc<[Arc<Call>]>;

/// The calls by number and id.
#[derive(Debug, Default)]
pub(crate) struct Book {
    calls: BTreeMap<u64, Arc<Call>>,
    numbers: HashMap<String, u64>,
    next: u64,
    /// Orders asked for since the last edit.
    listings: HashMap<Order, Listing>,
}

/// An order of calls. Equal keys keep the order of arrival; calls without the key come last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// Neither by time nor by arrival, and the same at every request.
    Arbitrary,
    Time {
        descending: bool,
    },
    Modified {
        descending: bool,
    },
}

impl Book {
    pub(crate) fn get(&self, id: &str) -> Option<&Arc<Call>> {
        self.calls.get(self.numbers.get(id)?)
    }

    /// In order of arrival.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Call>> {
        self.calls.values()
    }

    /// The number for a call of this id: its own, or the next free one.
    pub(crate) fn number_for(&self, id: &str) -> u64 {
        self.numbers.get(id).copied().unwrap_or(self.next)
    }

    /// Adds a call or replaces the one of its number.
    pub(crate) fn put(&mut self, call: Call) {
        if let Some(old) = self.calls.get(&call.number) {
            self.numbers.remove(&old.id);
        }
        self.next = self.next.max(call.number + 1);
        self.numbers.insert(call.id.clone(), call.number);
        self.calls.insert(call.number, Arc::new(call));
        self.listings.clear();
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(number) = self.numbers.remove(id) else {
            return false;
        };
        self.listings.clear();
        self.calls.remove(&number).is_some()
    }

    pub(crate) fn listing(&mut self, order: Order) -> Listing {
        let calls = &self.calls;
        let listing = self.listings.entry(order).or_insert_with(|| {
            let mut calls: Vec<_> = calls.values().cloned().collect();
            sort(&mut calls, order);
            calls.into()
        });
        Arc::clone(listing)
    }
}

fn sort(calls: &mut [Arc<Call>], order: Order) {
    match order {
        Order::Arbitrary => calls.sort_by_cached_key(|call| {
            let mut hasher = DefaultHasher::new();
            call.id.hash(&mut hasher);
            hasher.finish()
        }),
        Order::Time { descending } => calls.sort_by_key(|call| rank(call.index.time, descending)),
        Order::Modified { descending } => calls.sort_by_key(|call| rank(call.index.modified, descending)),
    }
}

fn rank(time: Option<DateTime<Utc>>, descending: bool) -> (bool, i64) {
    let micros = time.map_or(0, |time| time.timestamp_micros());
    (time.is_none(), if descending { -micros } else { micros })
}
