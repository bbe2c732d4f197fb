//! The one error of the ports: what kind, whether a retry helps, on what, and what to do.

use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error at a port: a kind, a retry class, context pairs, a way out and a source.
pub struct Error {
    kind: Kind,
    retry: Retry,
    message: String,
    context: Vec<(&'static str, String)>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What went wrong, as far as anybody acts on it differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The configuration or the command line is wrong (exit 2).
    Config,
    /// The vendor refused the credentials (exit 5).
    Credentials,
    /// The week's requests are spent; the run pauses (exit 3).
    Quota,
    /// The vendor says there is no such thing.
    NotFound,
    /// The vendor refused the request itself (400): repeating it is useless.
    Refused,
    /// The vendor or the network failed: 429, 5xx, reset, timeout, a body that is no JSON.
    Remote,
    /// The server is not doing what was asked; what it answered must not count as progress.
    Protocol,
    /// A listing could not be proved complete: a hole (exit 4).
    Unproven,
    /// Stored data is damaged or missing.
    Corrupt,
    /// Somebody else holds the lease, or a position or a fence does not allow this write.
    Conflict,
    /// A destination or the state store cannot be reached or written.
    Storage,
    /// The user or the system asked to stop.
    Interrupted,
}

/// Whether doing it again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never by itself.
    Permanent,
    /// Soon: the layer that retries may try again.
    Temporary,
    /// Was temporary, but the retries are used up; the next run may have better luck.
    Persistent,
}

impl Error {
    /// `message` is lowercase, without a period and without the text of the source.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, retry: Retry::Permanent, message, context: Vec::new(), hint: None, source: None }
    }

    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Adds what it happened on, for instance `("segment", "000012")`.
    pub fn with(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.context.push((name, value.to_string()));
        self
    }

    /// Says what the user can do about it.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub fn retry_class(&self) -> Retry {
        self.retry
    }

    pub fn is_temporary(&self) -> bool {
        self.retry == Retry::Temporary
    }

    pub fn way_out(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub fn context(&self) -> &[(&'static str, String)] {
        &self.context
    }

    /// The error and everything below it in one line, for reports and logs.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut next = std::error::Error::source(self);
        while let Some(error) = next {
            text.push_str(": ");
            text.push_str(&error.to_string());
            next = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        for (i, (name, value)) in self.context.iter().enumerate() {
            let lead = if i == 0 { " (" } else { ", " };
            write!(f, "{lead}{name}: {value}")?;
        }
        if self.context.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}: {}", self.kind, self.retry, self.chain())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
