//! The section `[journal]` of the configuration.

use std::path::{Path, PathBuf};

use clarion_core::{Error, Kind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Beside state and lake, so that one folder holds everything a first run makes.
const DEFAULT_URL: &str = "file://data/journal";

const SCHEME: &str = "file://";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Where the journal lies: `file://` and a folder, relative to the data folder unless it starts with a slash.
    pub url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { url: DEFAULT_URL.to_owned() }
    }
}

impl Settings {
    /// The folder that the URL names, seen from the data folder.
    pub fn folder(&self, data_dir: &Path) -> Result<PathBuf> {
        match self.url.strip_prefix(SCHEME) {
            Some(path) if !path.is_empty() => Ok(data_dir.join(path)),
            _ => Err(Error::new(Kind::Config, "the journal's url is no folder")
                .with("key", "journal.url")
                .with("value", format!("{:?}", self.url))
                .hint("use file:// and a folder, for instance file://data/journal or file:///srv/clarion/journal")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(url: &str) -> Result<PathBuf> {
        Settings { url: url.to_owned() }.folder(Path::new("/data"))
    }

    #[test]
    fn a_relative_folder_lies_in_the_data_folder_and_an_absolute_one_where_it_says() {
        assert_eq!(folder(DEFAULT_URL).unwrap(), Path::new("/data/data/journal"));
        assert_eq!(folder("file:///srv/j").unwrap(), Path::new("/srv/j"));
    }

    #[test]
    fn anything_but_a_folder_names_the_key() {
        for url in ["", "file://", "data/journal", "ftp://host/x"] {
            let error = folder(url).unwrap_err();
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains("journal.url"), "{error}");
        }
    }
}
