//! The wire as a seam: one request out, one answer or one fault back.

use async_trait::async_trait;
use bytes::Bytes;

/// Sends one request and reads the whole answer. Tests script it; [`crate::ClariSource::new`] uses HTTP.
#[async_trait]
pub trait Transport: Send + Sync {
    async fn get(&self, ask: &Ask) -> Result<Answer, Fault>;
}

/// What to ask for: path and query, never a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub path: &'static str,
    pub params: Vec<(&'static str, String)>,
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
    /// For messages: `name=value` pairs as sent.
    pub(crate) fn parameters(&self) -> String {
        let pairs: Vec<_> = self.params.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("&")
    }
}
