//! Records that were removed for good: enough is kept to know one again, and nothing that names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::RecordKey;

/// Keyed hashes of the ids of purged calls.
///
/// The vendor may go on listing a call that was purged: by its hash it is known again and passed over. Without the key
/// nobody can try ids against the hashes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Purged(BTreeMap<Key, BTreeSet<String>>);

/// In hexadecimal digits.
type Key = String;

impl Purged {
    /// None yet, with a key for those that come.
    pub fn with_key(random: [u8; 32]) -> Self {
        Self([(hex(&random), BTreeSet::new())].into())
    }

    pub fn contains(&self, call: &RecordKey) -> bool {
        self.0.iter().any(|(key, marks)| !marks.is_empty() && marks.contains(&mark(key, call)))
    }

    pub fn is_empty(&self) -> bool {
        self.marks() == 0
    }

    pub fn add(&mut self, call: &RecordKey) {
        if let Some(mut entry) = self.0.first_entry() {
            let mark = mark(entry.key(), call);
            entry.get_mut().insert(mark);
        }
    }

    /// All that either knows. A key that was made anew after a loss gives way to the one that was used before; where
    /// both were used both stay.
    pub fn merge(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
            return;
        }
        for (key, marks) in &other.0 {
            if !marks.is_empty() {
                self.0.entry(key.clone()).or_default().extend(marks.iter().cloned());
            }
        }
    }

    pub fn marks(&self) -> usize {
        self.0.values().map(BTreeSet::len).sum()
    }
}

/// Without the key.
impl fmt::Debug for Purged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purged").field("marks", &self.marks()).finish_non_exhaustive()
    }
}

fn mark(key: &Key, call: &RecordKey) -> String {
    let mut hash = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("a key may have any length");
    hash.update(call.as_str().as_bytes());
    hex(&hash.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes text");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> RecordKey {
        RecordKey::parse(text).expect("not empty")
    }

    #[test]
    fn a_purged_call_is_known_again_and_named_by_nothing() {
        let mut purged = Purged::with_key([7; 32]);
        assert!(!purged.contains(&key("call-1")));
        purged.add(&key("call-1"));
        assert!(purged.contains(&key("call-1")) && !purged.contains(&key("call-2")));
        let text = serde_json::to_string(&purged).expect("it is plain data");
        assert!(!text.contains("call-1"), "{text}");
        assert!(!format!("{purged:?}").contains(&hex(&[7; 32])));
        let back: Purged = serde_json::from_str(&text).expect("it comes back");
        assert_eq!(back, purged);
    }

    #[test]
    fn what_either_knew_is_known_after_a_merge() {
        let (mut one, mut other) = (Purged::with_key([1; 32]), Purged::with_key([2; 32]));
        one.add(&key("a"));
        other.add(&key("b"));
        one.merge(&other);
        assert!(one.contains(&key("a")) && one.contains(&key("b")));
        let merged = one.clone();
        one.merge(&other);
        one.merge(&Purged::with_key([3; 32]));
        assert_eq!(one, merged);
        let mut anew = Purged::with_key([4; 32]);
        anew.merge(&one);
        assert_eq!(anew, one, "a key that was never used is not kept");
    }
}
