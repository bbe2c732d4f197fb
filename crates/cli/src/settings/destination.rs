//! `[[destinations]]`: where the tables go.

use clarion_core::{Error, Kind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DestinationSettings {
    /// Unique; what `--destination` takes.
    pub(crate) name: String,
    pub(crate) kind: DestinationKind,
    /// `file://folder`, `s3://bucket/prefix`, `gs://bucket/prefix` or `az://container/prefix` for Parquet, `postgres://…`
    /// for Postgres.
    pub(crate) url: String,
    /// The environment variable that holds the URL, where it has a password.
    pub(crate) url_env: String,
    /// Postgres: the schema of the tables.
    pub(crate) schema: String,
    /// Postgres: what becomes of rows that the vendor deleted, `mark` or `remove`.
    pub(crate) deletes: Deletes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DestinationKind {
    Parquet,
    Postgres,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Deletes {
    Mark,
    Remove,
}

impl From<Deletes> for clarion_loader::Deletes {
    fn from(deletes: Deletes) -> Self {
        match deletes {
            Deletes::Mark => Self::Mark,
            Deletes::Remove => Self::Remove,
        }
    }
}

impl Default for DestinationSettings {
    fn default() -> Self {
        Self {
            name: "lake".to_owned(),
            kind: DestinationKind::Parquet,
            url: "file://data/lake".to_owned(),
            url_env: String::new(),
            schema: "clari".to_owned(),
            deletes: Deletes::Mark,
        }
    }
}

/// Names are unique and of a kind that is easy to type.
pub(crate) fn check(destinations: &[DestinationSettings]) -> Result<()> {
    for (index, destination) in destinations.iter().enumerate() {
        let key = format!("destinations[{index}].name");
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if destination.name.is_empty() || !destination.name.chars().all(plain) {
            return Err(Error::new(Kind::Config, "a destination needs a name of letters, digits, - and _")
                .with("key", key));
        }
        if destinations[..index].iter().any(|other| other.name == destination.name) {
            return Err(Error::new(Kind::Config, "two destinations have the same name")
                .with("key", key)
                .with("name", &destination.name));
        }
    }
    Ok(())
}
