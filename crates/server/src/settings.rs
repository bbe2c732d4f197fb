//! `[server]` and `[[alerts]]` of the configuration.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use clarion_core::{Error, Kind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

/// On loopback: who is not on this machine has no business here unless told so.
const BIND: &str = "127.0.0.1:8090";
/// Two intervals of the default schedule.
const STALE_AFTER: Duration = Duration::from_secs(12 * 3600);

/// `[server]`: what `clarion run` serves.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address and port; any address but loopback needs a token.
    pub bind: String,
    /// A file with the token that `/metrics` asks for; empty: `CLARION_SERVER_TOKEN`.
    pub token_file: String,
    /// A file with the secret of `/hooks/clari` (`whsec_` and base64); empty: `CLARION_HOOK_SECRET`.
    pub hook_secret_file: String,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self { bind: BIND.to_owned(), token_file: String::new(), hook_secret_file: String::new() }
    }
}

impl ServerSettings {
    /// The address to listen on, which must be loopback unless there is a token.
    pub(crate) fn address(&self, has_token: bool) -> Result<SocketAddr> {
        let address: SocketAddr = self.bind.trim().parse().map_err(|_| {
            Error::new(Kind::Config, "server.bind is no address with a port")
                .with("value", &self.bind)
                .hint("for instance 127.0.0.1:8090, or 0.0.0.0:8090 with a token")
        })?;
        if address.ip().is_loopback() || has_token {
            return Ok(address);
        }
        Err(Error::new(Kind::Config, "server.bind is not loopback, and there is no token")
            .with("value", &self.bind)
            .hint("set server.token_file or CLARION_SERVER_TOKEN, or bind to 127.0.0.1"))
    }
}

/// One entry of `[[alerts]]`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// Where to post; whoever knows it may post there, so that it is shown without its path.
    #[serde(serialize_with = "serialize_masked")]
    pub url: String,
    /// The environment variable that holds the URL.
    pub url_env: String,
    pub format: AlertFormat,
    pub on: Vec<AlertKind>,
    /// How long after the last good sync the data counts as stale.
    #[serde(with = "span")]
    #[schemars(with = "String")]
    pub stale_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AlertFormat {
    Json,
    Slack,
}

/// What is worth an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AlertKind {
    Failed,
    Paused,
    Stale,
    SchemaChanged,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            url_env: String::new(),
            format: AlertFormat::Json,
            on: vec![AlertKind::Failed, AlertKind::Paused, AlertKind::Stale, AlertKind::SchemaChanged],
            stale_after: STALE_AFTER,
        }
    }
}

impl AlertSettings {
    /// The address; `index` is the entry's place, for the message.
    pub(crate) fn address(&self, index: usize) -> Result<Url> {
        let url = Url::parse(self.url.trim()).ok();
        url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host()).ok_or_else(|| {
            // The value may hold a secret even where it is no URL.
            Error::new(Kind::Config, "an alert's url is no http or https address")
                .with("key", format!("alerts[{index}].url"))
                .hint("set url, or url_env and that variable")
        })
    }
}

impl fmt::Debug for AlertSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AlertSettings").field("url", &masked(&self.url)).finish_non_exhaustive()
    }
}

/// Scheme and host: in such addresses the path is the secret.
fn masked(url: &str) -> String {
    if url.is_empty() {
        return String::new();
    }
    match Url::parse(url) {
        Ok(url) if url.has_host() => {
            format!("{}://{}/***", url.scheme(), url.host_str().unwrap_or_default())
        }
        _ => "***".to_owned(),
    }
}

fn serialize_masked<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&masked(url))
}

/// Durations as people write them.
mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text)
            .map_err(|_| D::Error::custom(format!("\"{text}\" is no time span like \"12h\"")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_needs_no_token() {
        let address = |bind: &str, token| {
            ServerSettings { bind: bind.to_owned(), ..ServerSettings::default() }.address(token).is_ok()
        };
        assert!(address(BIND, false) && address("[::1]:0", false) && address("0.0.0.0:8090", true));
        assert!(!address("0.0.0.0:8090", false) && !address("[::]:8090", false));
        assert!(!address("localhost", true) && !address("", true));
    }

    #[test]
    fn an_alerts_address_is_never_shown() {
        for url in ["https://hooks.example/services/T0/s3cret", "https://u:s3cret@x.example", "s3cret"] {
            let settings = AlertSettings { url: url.to_owned(), ..AlertSettings::default() };
            let shown = format!("{settings:?} {}", serde_json::to_string(&settings).expect("JSON"));
            assert!(!shown.contains("s3cret"), "{shown}");
        }
        assert_eq!(masked("https://hooks.example/services/T0"), "https://hooks.example/***");
    }
}
