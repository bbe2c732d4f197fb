//! `[state]` of the configuration.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use url::Url;

/// Works without a server, on one machine.
const DEFAULT_URL: &str = "sqlite://data/state.db";

/// Where the state is kept. Shown and serialized without the password of the URL.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// `sqlite://path`, relative to the data folder, or `postgres://user@host/database`.
    #[serde(serialize_with = "serialize_masked")]
    pub url: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { url: DEFAULT_URL.to_owned() }
    }
}

impl Settings {
    /// The URL with `***` in place of a password.
    pub fn masked_url(&self) -> String {
        let Ok(mut url) = Url::parse(&self.url) else {
            // What is no URL cannot be masked in part.
            return if self.url.contains('@') { "***".to_owned() } else { self.url.clone() };
        };
        let secret = |name: &str| matches!(name, "password" | "sslpassword");
        let in_query = url.query_pairs().any(|(name, _)| secret(&name));
        if url.password().is_none() && !in_query {
            return self.url.clone();
        }
        if in_query {
            let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
            let masked = pairs.iter().map(|(name, value)| (name, if secret(name) { "***" } else { value }));
            url.query_pairs_mut().clear().extend_pairs(masked);
        }
        if url.password().is_none() {
            return url.to_string();
        }
        // Refused only by URLs that cannot have a password.
        let _ = url.set_password(Some("***"));
        url.to_string()
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("url", &self.masked_url()).finish()
    }
}

fn serialize_masked<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&Settings { url: url.to_owned() }.masked_url())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(url: &str) -> String {
        Settings { url: url.to_owned() }.masked_url()
    }

    #[test]
    fn no_password_is_ever_shown() {
        for url in [
            "postgres://ann:s3cret@db.example/state",
            "postgres://ann@db.example/state?password=s3cret&sslmode=require",
            "postgres://ann:s3cret@[bad host/state",
        ] {
            assert!(!masked(url).contains("s3cret"), "{url}");
            let settings = Settings { url: url.to_owned() };
            assert!(!format!("{settings:?}").contains("s3cret"), "{url}");
        }
        assert_eq!(masked("sqlite://data/state.db"), "sqlite://data/state.db");
        assert_eq!(masked("postgres://ann@db/state?host=/run"), "postgres://ann@db/state?host=/run");
    }
}
