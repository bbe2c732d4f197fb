//! What a verification found: counts by check, and the first of each kind by name.

use clarion_core::{Error, Outcome, Timestamp};
use serde::Serialize;

/// So many of each kind are named in a check; all are counted.
const NAMED: u64 = 20;

#[derive(Debug, Serialize)]
pub struct Verification {
    /// Whether everything that was compared agrees.
    pub agrees: bool,
    /// `done`; `paused` if the quota ended before the source was compared; `failed` if something differs or could
    /// not be read.
    pub outcome: Outcome,
    pub checks: Vec<Check>,
    /// What it cost.
    pub requests: u64,
    /// When the quota is there again, if it ran out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resumes_at: Option<Timestamp>,
    /// What could not be compared, with the way out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    #[serde(skip)]
    pub causes: Vec<Error>,
}

/// One thing compared with another.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Check {
    /// `source`, `journal` or the name of a destination.
    pub place: String,
    /// A table, a stream, or what else was looked at.
    pub what: String,
    pub compared: u64,
    pub missing: u64,
    pub doubled: u64,
    pub stale: u64,
    pub extra: u64,
    pub damaged: u64,
    /// Differs because it was not synced or loaded yet, which is no damage.
    pub waiting: u64,
    pub named: Vec<Named>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Named {
    pub kind: Finding,
    pub key: String,
    /// Where exactly, or what about it; never a value.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    Missing,
    Doubled,
    Stale,
    Extra,
    Damaged,
    Waiting,
}

impl Finding {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Doubled => "doubled",
            Self::Stale => "stale",
            Self::Extra => "extra",
            Self::Damaged => "damaged",
            Self::Waiting => "not yet synced",
        }
    }
}

impl Check {
    pub(crate) fn of(place: &str, what: impl Into<String>) -> Self {
        Self { place: place.to_owned(), what: what.into(), ..Self::default() }
    }

    /// Counts a difference, and names it if few of its kind were named before.
    pub(crate) fn find(&mut self, kind: Finding, key: impl Into<String>, detail: impl Into<String>) {
        let count = self.count(kind);
        *count += 1;
        if *count <= NAMED {
            self.named.push(Named { kind, key: key.into(), detail: detail.into() });
        }
    }

    /// Differences that are counted and not named.
    pub(crate) fn add(&mut self, kind: Finding, count: u64) {
        *self.count(kind) += count;
    }

    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    pub fn agrees(&self) -> bool {
        self.missing + self.doubled + self.stale + self.extra + self.damaged == 0
    }

    fn count(&mut self, kind: Finding) -> &mut u64 {
        match kind {
            Finding::Missing => &mut self.missing,
            Finding::Doubled => &mut self.doubled,
            Finding::Stale => &mut self.stale,
            Finding::Extra => &mut self.extra,
            Finding::Damaged => &mut self.damaged,
            Finding::Waiting => &mut self.waiting,
        }
    }
}
