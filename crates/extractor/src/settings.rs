//! The section `[source]`: where the vendor is, how fast and how much to ask.

use std::collections::BTreeMap;
use std::time::Duration;

use clarion_core::{Error, Kind, Result, Timestamp, parse_date_or_age};
use reqwest::Url;
use reqwest::header::{HeaderName, HeaderValue};
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// The address in the vendor's contract.
const BASE_URL: &str = "https://rest-api.copilot.clari.com";
/// One below the vendor's 10 a second: two clocks never agree on where a second begins.
const REQUESTS_PER_SECOND: f64 = 9.0;
/// The vendor's contract.
const WEEKLY_REQUESTS: u64 = 100_000;
/// Enough to keep 9 requests a second going at nearly a second each.
const CONCURRENCY: usize = 8;
/// More would only queue at the vendor's limit, and each holds a body of up to 6 MB.
const MAX_CONCURRENCY: usize = 256;
/// A page of 6 MB over a slow line.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// What other connectors wait; the vendor sends no `Retry-After`.
const RATE_LIMIT_WAIT: Duration = Duration::from_secs(120);
/// A year: what fits one week's quota for most workspaces.
const HISTORY_START: &str = "365d";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SourceSettings {
    /// The vendor's address.
    pub base_url: String,
    /// A file with the API key; empty: `CLARI_API_KEY`.
    pub api_key_file: String,
    /// A file with the API password; empty: `CLARI_API_PASSWORD`.
    pub api_password_file: String,
    /// 0 = unlimited, for tests.
    pub requests_per_second: f64,
    /// 0 = unlimited.
    pub weekly_requests: u64,
    /// Requests in flight.
    pub concurrency: usize,
    #[serde(with = "span")]
    #[schemars(with = "String")]
    pub request_timeout: Duration,
    /// After a 429 without `Retry-After`.
    #[serde(with = "span")]
    #[schemars(with = "String")]
    pub rate_limit_wait: Duration,
    pub include_private: bool,
    /// How far the first sync reaches: a date or an age.
    pub history_start: String,
    /// Sent with every request beside the credentials.
    pub headers: BTreeMap<String, String>,
}

impl Default for SourceSettings {
    fn default() -> Self {
        Self {
            base_url: BASE_URL.to_owned(),
            api_key_file: String::new(),
            api_password_file: String::new(),
            requests_per_second: REQUESTS_PER_SECOND,
            weekly_requests: WEEKLY_REQUESTS,
            concurrency: CONCURRENCY,
            request_timeout: REQUEST_TIMEOUT,
            rate_limit_wait: RATE_LIMIT_WAIT,
            include_private: true,
            history_start: HISTORY_START.to_owned(),
            headers: BTreeMap::new(),
        }
    }
}

impl SourceSettings {
    /// Checks every value; the error names the key.
    pub fn validate(&self) -> Result<()> {
        self.url()?;
        self.extra_headers()?;
        if !self.requests_per_second.is_finite() || self.requests_per_second < 0.0 {
            return Err(wrong("source.requests_per_second", "0 for unlimited, or a positive number"));
        }
        if !(1..=MAX_CONCURRENCY).contains(&self.concurrency) {
            return Err(wrong("source.concurrency", "a number from 1 to 256"));
        }
        if self.request_timeout.is_zero() {
            return Err(wrong("source.request_timeout", "a duration above zero, for instance \"60s\""));
        }
        self.history_start_at(Timestamp::UNIX_EPOCH).map(|_| ())
    }

    /// The start of history: a date (`2024-01-31`), a time, or an age (`365d`) counted back from `now`.
    pub fn history_start_at(&self, now: Timestamp) -> Result<Timestamp> {
        parse_date_or_age(&self.history_start, now)
            .ok_or_else(|| wrong("source.history_start", "a date (2024-01-31) or an age (365d)"))
    }

    pub(crate) fn url(&self) -> Result<Url> {
        let expected = "an address such as https://rest-api.copilot.clari.com";
        let url =
            Url::parse(&self.base_url).map_err(|error| wrong("source.base_url", expected).source(error))?;
        let usable = matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none();
        if usable { Ok(url) } else { Err(wrong("source.base_url", expected)) }
    }

    pub(crate) fn extra_headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let parse = |(name, value): (&String, &String)| {
            let name = HeaderName::try_from(name).ok().filter(|name| !name.as_str().starts_with("x-api-"));
            name.zip(HeaderValue::try_from(value).ok())
                .ok_or_else(|| wrong("source.headers", "header names and values, none of them a credential"))
        };
        self.headers.iter().map(parse).collect()
    }
}

/// What the vendor knows us by. Has no `Display`; its `Debug` shows nothing.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub key: SecretString,
    pub password: SecretString,
}

impl Credentials {
    pub fn new(key: impl Into<String>, password: impl Into<String>) -> Self {
        Self { key: SecretString::from(key.into()), password: SecretString::from(password.into()) }
    }
}

fn wrong(key: &'static str, expected: &str) -> Error {
    Error::new(Kind::Config, format!("a setting is not {expected}")).with("key", key)
}

/// Durations as people write them: `60s`, `2m`, `1h 30m`.
mod span {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(span: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&humantime::format_duration(*span))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(from)?;
        humantime::parse_duration(&text).map_err(|_| {
            D::Error::custom(format!("\"{text}\" is not a duration, for instance \"60s\" or \"2m\""))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SourceSettings, String> {
        let settings: SourceSettings = toml::from_str(text).map_err(|error| error.to_string())?;
        settings.validate().map(|()| settings).map_err(|error| error.to_string())
    }

    #[test]
    fn the_documented_section_is_the_default() {
        let text = r#"
            base_url = "https://rest-api.copilot.clari.com"
            api_key_file = ""
            api_password_file = ""
            requests_per_second = 9
            weekly_requests = 100000
            concurrency = 8
            request_timeout = "60s"
            rate_limit_wait = "2m"
            include_private = true
            history_start = "365d"
        "#;
        assert_eq!(read(text), Ok(SourceSettings::default()));
        assert_eq!(read(""), Ok(SourceSettings::default()));
    }

    #[test]
    fn a_wrong_value_is_refused_by_its_key() {
        let wrong = [
            ("base_url = \"ftp://x\"", "base_url"),
            ("base_url = \"nonsense\"", "base_url"),
            ("requests_per_second = -1", "requests_per_second"),
            ("concurrency = 0", "concurrency"),
            ("request_timeout = \"soon\"", "request_timeout"),
            ("request_timeout = \"0s\"", "request_timeout"),
            ("history_start = \"long ago\"", "history_start"),
            ("headers = { X-Api-Key = \"a\" }", "headers"),
            ("bass_url = \"\"", "bass_url"),
        ];
        for (text, key) in wrong {
            let error = read(text).expect_err(text);
            assert!(error.contains(key), "{text}: {error}");
        }
    }

    #[test]
    fn history_starts_at_a_date_or_an_age_ago() {
        let now = clarion_core::parse_timestamp("2026-11-20T12:00:00Z").expect("valid");
        let starts = |text: &str| {
            let settings = SourceSettings { history_start: text.to_owned(), ..SourceSettings::default() };
            settings.history_start_at(now).map(clarion_core::format_timestamp).ok()
        };
        assert_eq!(starts("2024-01-31").as_deref(), Some("2024-01-31T00:00:00.000000Z"));
        assert_eq!(starts("10d").as_deref(), Some("2026-11-10T12:00:00.000000Z"));
    }

    #[test]
    fn credentials_show_nothing() {
        let shown = format!("{:?}", Credentials::new("the-key", "the-password"));
        assert!(!shown.contains("the-key") && !shown.contains("the-password"), "{shown}");
    }
}
