//! The sections `[streams.*]` of the configuration.

mod rules;
mod streams;

use std::collections::BTreeMap;

use clarion_core::Contract;
pub use clarion_core::Period;
use clarion_core::Rule;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::streams::StreamsSettings;

/// `[streams.calls]`
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallsSettings {
    pub enabled: bool,
    /// How far the forward pass reaches back behind its cursor: clocks differ, and calls appear late.
    pub overlap: Period,
    /// Recent calls listed again by call time, to catch what `last_modified_time` misses.
    pub relist: Period,
    /// Field paths to keep; empty = all.
    pub include: Vec<String>,
    /// Field path = rule. Dots lead into objects, lists are walked.
    pub columns: BTreeMap<String, Rule>,
    /// What becomes of fields that the tables do not have yet.
    pub contract: Contract,
}

/// `[streams.call_details]`
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallDetailsSettings {
    pub enabled: bool,
    pub mode: DetailsMode,
    /// How often every call is fetched again.
    pub generation_every: Period,
    /// Field paths to keep; empty = all.
    pub include: Vec<String>,
    /// Field path = rule. Dots lead into objects, lists are walked.
    pub columns: BTreeMap<String, Rule>,
    /// What becomes of fields that the tables do not have yet.
    pub contract: Contract,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DetailsMode {
    /// Full loads in generations, besides what is new or changed.
    Full,
    /// Only what is new or changed.
    Changed,
}

impl Default for CallsSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            overlap: Period::hours(1),
            relist: Period::hours(14 * 24),
            include: Vec::new(),
            columns: BTreeMap::new(),
            contract: Contract::Evolve,
        }
    }
}

impl Default for CallDetailsSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            mode: DetailsMode::Full,
            generation_every: Period::hours(30 * 24),
            include: Vec::new(),
            columns: BTreeMap::new(),
            contract: Contract::Evolve,
        }
    }
}
