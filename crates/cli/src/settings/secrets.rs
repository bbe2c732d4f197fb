//! Secrets come from the environment or from mounted files, and are never shown.

use std::path::Path;

use clarion_core::{Error, HashKey, Kind, Result};
use clarion_extractor::{Credentials, SourceSettings};
use clarion_server::{AlertSettings, HookSecret, ServerSettings, Token};

use super::{DestinationSettings, PrivacySettings};

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

/// The token that the server asks for.
pub(crate) fn server_token(server: &ServerSettings, data_dir: &Path) -> Result<Option<Token>> {
    Ok(secret(&server.token_file, "CLARION_SERVER_TOKEN", data_dir)?.map(Token::new))
}

/// The secret that notifications are signed with; without one there is no hook.
pub(crate) fn hook_secret(server: &ServerSettings, data_dir: &Path) -> Result<Option<HookSecret>> {
    let text = secret(&server.hook_secret_file, "CLARION_HOOK_SECRET", data_dir)?;
    text.map(|text| HookSecret::parse(&text)).transpose()
}

/// The key that column rules hash with.
pub(crate) fn hash_key(privacy: &PrivacySettings, data_dir: &Path) -> Result<Option<HashKey>> {
    let text = secret(&privacy.hash_key_file, "CLARION_HASH_KEY", data_dir)?;
    text.map(|text| HashKey::parse(&text)).transpose()
}

/// The alerts with their addresses, from the variable that `url_env` names where it is given.
pub(crate) fn alerts(alerts: &[AlertSettings]) -> Result<Vec<AlertSettings>> {
    let resolve = |alert: &AlertSettings| {
        if alert.url_env.is_empty() {
            return Ok(alert.clone());
        }
        let url = from_environment(&alert.url_env).ok_or_else(|| {
            Error::new(Kind::Config, "the variable that holds an alert's url is not set")
                .with("variable", &alert.url_env)
        })?;
        Ok(AlertSettings { url, ..alert.clone() })
    };
    alerts.iter().map(resolve).collect()
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
