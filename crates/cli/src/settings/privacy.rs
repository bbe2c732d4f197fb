//! `[privacy]`: what column rules need.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct PrivacySettings {
    /// A file with the key that column rules hash with; empty: `CLARION_HASH_KEY`.
    pub(crate) hash_key_file: String,
}
