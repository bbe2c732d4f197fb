//! The settings of a Postgres destination.

use std::time::Duration;

use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;

/// The schema that holds the tables unless another is configured; part of the contract with users.
const DEFAULT_SCHEMA: &str = "clari";

/// How long a load waits for locks that other sessions hold, in all, before it gives up. Long enough for a dashboard's
/// query, short enough that a forgotten transaction is reported in the same run.
const DEFAULT_LOCK_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresSettings {
    /// `postgres://user:password@host:port/database?options`.
    #[schemars(with = "String")]
    pub url: SecretString,
    /// The schema for our tables; created if it is missing.
    #[serde(default = "default_schema")]
    pub schema: String,
    #[serde(default)]
    pub deletes: Deletes,
    #[serde(skip, default = "default_lock_wait")]
    pub lock_wait: Duration,
}

/// What becomes of rows whose record the vendor deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Deletes {
    /// They stay, with the time in `_deleted_at`.
    #[default]
    Mark,
    /// They go.
    Remove,
}

impl PostgresSettings {
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self {
            url: url.into(),
            schema: default_schema(),
            deletes: Deletes::default(),
            lock_wait: default_lock_wait(),
        }
    }
}

fn default_schema() -> String {
    DEFAULT_SCHEMA.to_owned()
}

fn default_lock_wait() -> Duration {
    DEFAULT_LOCK_WAIT
}
