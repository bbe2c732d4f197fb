//! The section `[journal]` of the configuration.

use std::path::Path;

use clarion_core::Result;
use clarion_object_storage::Location;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Beside state and lake, so that one folder holds everything a first run makes.
const DEFAULT_URL: &str = "file://data/journal";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the journal lies: `file://` and a folder, relative to the data folder unless it starts with a slash, or
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    pub url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { url: DEFAULT_URL.to_owned() }
    }
}

impl Settings {
    /// What the URL names; a folder is seen from the data folder.
    pub fn location(&self, data_dir: &Path) -> Result<Location> {
        Location::parse(&self.url, data_dir).map_err(|error| error.with("key", "journal.url"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_a_folder_in_the_data_folder() {
        let location = Settings::default().location(Path::new("/data")).unwrap();
        assert_eq!(location, Location::Folder("/data/data/journal".into()));
    }

    #[test]
    fn a_url_that_names_nothing_names_the_key() {
        let error = Settings { url: "data/journal".to_owned() }.location(Path::new("/data")).unwrap_err();
        assert!(error.to_string().contains("journal.url"), "{error}");
    }
}
