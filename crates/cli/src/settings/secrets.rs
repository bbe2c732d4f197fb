//! Secrets come from the environment or from mounted files, and are never shown.

use std::path::Path;

use clarion_core::{Error, Kind, Result};
use clarion_extractor::{Credentials, SourceSettings};

use super::DestinationSettings;

/// Key and password of the API.
pub(crate) fn credentials(source: &SourceSettings, data_dir: &Path) -> Result<Credentials> {
    let key = secret(&source.api_key_file, "CLARI_API_KEY", data_dir)?;
    let password = secret(&source.api_password_file, "CLARI_API_PASSWORD", data_dir)?;
    match (key, password) {
        (Some(key), Some(password)) => Ok(Credentials::new(key, password)),
        (key, _) => {
            let missing = if key.is_none() { "CLARI_API_KEY" } else { "CLARI_API_PASSWORD" };
            Err(Error::new(Kind::Config, "the API credentials are not set").with("missing", missing).hint(
                "set CLARI_API_KEY and CLARI_API_PASSWORD, or source.api_key_file and source.api_password_file; \
                 both are shown in Copilot under workspace settings > integrations > Clari Copilot API",
            ))
        }
    }
}

/// The URL of a destination, from the variable that `url_env` names where it is given.
pub(crate) fn destination_url(destination: &DestinationSettings) -> Result<String> {
    if destination.url_env.is_empty() {
        return Ok(destination.url.clone());
    }
    from_environment(&destination.url_env).ok_or_else(|| {
        Error::new(Kind::Config, "the variable that holds a destination's url is not set")
            .with("destination", &destination.name)
            .with("variable", &destination.url_env)
    })
}

/// A variable that is set and not empty.
#[expect(clippy::disallowed_methods, reason = "settings are the one place that reads the environment")]
pub(crate) fn from_environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn secret(file: &str, variable: &str, data_dir: &Path) -> Result<Option<String>> {
    if file.is_empty() {
        return Ok(from_environment(variable));
    }
    let path = data_dir.join(file);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Error::new(Kind::Config, "a secret's file cannot be read").with("file", path.display()).source(error)
    })?;
    Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty()))
}
