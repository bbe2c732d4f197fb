//! The wire as a seam: one request out, one answer or one fault back.

use std::borrow::Cow;

use async_trait::async_trait;
use bytes::Bytes;
use reqwest::Url;

/// Sends one request and reads the whole answer. Tests script it; [`crate::ClariSource::new`] uses HTTP.
#[async_trait]
pub trait Transport: Send + Sync {
    async fn get(&self, ask: &Ask) -> Result<Answer, Fault>;
}

/// What to ask for: place and query, never a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub place: Place,
    pub params: Vec<(Cow<'static, str>, String)>,
    /// Sent beside those that every request has. Their values may be secrets.
    pub headers: Vec<(String, String)>,
    /// Names of parameters whose values may be secrets, or about somebody.
    pub private: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Below the vendor's address, encoded.
    Path(Cow<'static, str>),
    /// Anywhere, also at another host.
    Url(Url),
}

#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// The header as it came.
    pub retry_after: Option<String>,
    pub body: Bytes,
}

/// No answer, or not a whole one.
#[derive(Debug)]
pub struct Fault {
    /// Lowercase, without addresses or content.
    pub what: &'static str,
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Ask {
    /// Of an endpoint of the vendor's.
    pub(crate) fn of(path: &'static str, params: Vec<(&'static str, String)>) -> Self {
        let params = params.into_iter().map(|(name, value)| (Cow::Borrowed(name), value)).collect();
        Self { place: Place::Path(Cow::Borrowed(path)), params, headers: Vec::new(), private: Vec::new() }
    }

    /// For messages: the path, and the host where it is not the vendor's; never a query.
    pub fn shown(&self) -> String {
        match &self.place {
            Place::Path(path) => path.to_string(),
            Place::Url(url) => format!("{}{}", url.origin().ascii_serialization(), url.path()),
        }
    }

    /// For messages: `name=value` pairs as sent, without the values that are nobody's business.
    pub(crate) fn parameters(&self) -> String {
        let value = |name: &str, value: &str| {
            if self.private.iter().any(|private| private == name) {
                "***".to_owned()
            } else {
                value.to_owned()
            }
        };
        let pairs = self.params.iter().map(|(name, text)| format!("{name}={}", value(name, text)));
        pairs.collect::<Vec<_>>().join("&")
    }
}
