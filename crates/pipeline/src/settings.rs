//! The sections `[streams.*]` of the configuration.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is synced, and how.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StreamsSettings {
    pub calls: CallsSettings,
    pub call_details: CallDetailsSettings,
    pub users: StreamSettings,
}

/// `[streams.calls]`
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallsSettings {
    pub enabled: bool,
    /// How far the forward pass reaches back behind its cursor: clocks differ, and calls appear late.
    pub overlap: Period,
    /// Recent calls listed again by call time, to catch what `last_modified_time` misses.
    pub relist: Period,
}

/// `[streams.call_details]`
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallDetailsSettings {
    pub enabled: bool,
    pub mode: DetailsMode,
    /// How often every call is fetched again.
    pub generation_every: Period,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DetailsMode {
    /// Full loads in generations, besides what is new or changed.
    Full,
    /// Only what is new or changed.
    Changed,
}

/// Any other stream.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StreamSettings {
    pub enabled: bool,
}

impl Default for CallsSettings {
    fn default() -> Self {
        Self { enabled: true, overlap: Period::hours(1), relist: Period::hours(14 * 24) }
    }
}

impl Default for CallDetailsSettings {
    fn default() -> Self {
        Self { enabled: true, mode: DetailsMode::Full, generation_every: Period::hours(30 * 24) }
    }
}

impl Default for StreamSettings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// A span of time, written like `90s`, `6h` or `14d`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Period(Duration);

impl Period {
    pub const fn hours(hours: u64) -> Self {
        Self(Duration::from_secs(hours * 3600))
    }

    pub const fn seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub fn as_std(self) -> Duration {
        self.0
    }

    pub fn as_chrono(self) -> chrono::Duration {
        chrono::Duration::from_std(self.0).unwrap_or(chrono::Duration::MAX)
    }
}

impl TryFrom<String> for Period {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        humantime::parse_duration(&text)
            .map(Self)
            .map_err(|_| format!("{text:?} is no time span like \"6h\" or \"14d\""))
    }
}

impl From<Period> for String {
    fn from(period: Period) -> Self {
        humantime::format_duration(period.0).to_string()
    }
}
