//! What the state store remembers of the rules: enough to notice that they changed, nothing that tells a value or a key.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{StreamName, Timestamp};

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleMemory {
    /// Which key values were hashed with, see [`super::Rules::key_mark`]; the last one if no rule hashes any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub streams: BTreeMap<StreamName, StreamMemory>,
}

impl RuleMemory {
    /// Since when other rules hold for a stream than for what is journalled of before.
    pub fn since(&self, stream: &StreamName) -> Option<Timestamp> {
        self.streams.get(stream)?.since
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamMemory {
    /// Of the rules in force; `None` if there are none.
    pub digest: Option<u64>,
    /// Since when they are in force, if the journal has records of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Records came by that the rules were applied to.
    #[serde(default)]
    pub seen: bool,
    /// Paths of rules that were met in a record.
    #[serde(default)]
    pub met: BTreeSet<String>,
}
