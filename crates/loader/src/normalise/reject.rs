//! What a record's values could not become.

use clarion_core::{RecordKey, RejectedValue, StreamName};

/// Reasons of the record in hand; never the values themselves.
#[derive(Default)]
pub(super) struct Rejects {
    reasons: Vec<String>,
    /// Where the row's object stands in the record; empty for the record itself.
    within: &'static str,
}

impl Rejects {
    /// Sets the place of the objects that follow.
    pub(super) fn within(&mut self, path: &'static str) {
        self.within = path;
    }

    /// Notes that the value at `path` is, say, `not a time`; once, however many values of a list are.
    pub(super) fn push(&mut self, path: &str, reason: &str) {
        let dot = if self.within.is_empty() || path.is_empty() { "" } else { "." };
        let reason = format!("{}{dot}{path}: {reason}", self.within);
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    pub(super) fn into_values<'a>(
        self,
        stream: &'a StreamName,
        key: &'a RecordKey,
    ) -> impl Iterator<Item = RejectedValue> + 'a {
        let reasons = self.reasons.into_iter();
        reasons.map(|reason| RejectedValue { stream: stream.clone(), key: key.clone(), reason })
    }
}
