//! A random choice of keys, made in one pass in flat memory.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use clarion_core::RecordKey;

/// Keeps the keys with the lowest hashes under a random seed.
pub(crate) struct Sample<T> {
    size: usize,
    seed: RandomState,
    chosen: BTreeMap<u64, (RecordKey, T)>,
}

impl<T> Sample<T> {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, seed: RandomState::new(), chosen: BTreeMap::new() }
    }

    pub(crate) fn offer(&mut self, key: &RecordKey, with: impl FnOnce() -> T) {
        if self.size == 0 {
            return;
        }
        let mut hasher = self.seed.build_hasher();
        hasher.write(key.as_str().as_bytes());
        let place = hasher.finish();
        let is_full = self.chosen.len() >= self.size;
        if is_full && self.chosen.last_key_value().is_some_and(|(last, _)| *last <= place) {
            return;
        }
        self.chosen.insert(place, (key.clone(), with()));
        if self.chosen.len() > self.size {
            self.chosen.pop_last();
        }
    }

    pub(crate) fn into_keys(self) -> impl Iterator<Item = (RecordKey, T)> {
        self.chosen.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_chooses_as_many_as_asked_each_once_and_not_always_the_same() {
        let choose = |size| {
            let mut sample = Sample::new(size);
            for number in 0..1_000 {
                sample.offer(&RecordKey::parse(format!("k{number}")).expect("a key"), || number);
            }
            let mut chosen: Vec<i32> = sample.into_keys().map(|(_, number)| number).collect();
            chosen.sort_unstable();
            chosen
        };
        assert_eq!(choose(0).len(), 0);
        let mut chosen = choose(20);
        assert_ne!(chosen, choose(20));
        chosen.dedup();
        assert_eq!(chosen.len(), 20);
        assert_eq!(choose(2_000).len(), 1_000);
    }
}
