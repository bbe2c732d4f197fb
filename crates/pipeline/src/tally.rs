//! What a run counted, for its report.

use std::collections::BTreeMap;

use clarion_core::{StreamName, StreamReport};

use crate::judge::Version;

/// Counts by stream, warnings and holes.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) streams: BTreeMap<String, StreamReport>,
    pub(crate) warnings: Vec<String>,
    pub(crate) holes: Vec<String>,
    pub(crate) errors: Vec<clarion_core::Error>,
}

impl Tally {
    pub(crate) fn count(&mut self, stream: &StreamName, version: Version) {
        let report = self.stream(stream);
        report.fetched += 1;
        match version {
            Version::New => report.new += 1,
            Version::Changed => report.changed += 1,
            Version::Same => {}
        }
    }

    pub(crate) fn stream(&mut self, stream: &StreamName) -> &mut StreamReport {
        self.streams.entry(stream.to_string()).or_default()
    }

    pub(crate) fn warn(&mut self, message: impl Into<String>) {
        let message = message.into();
        tracing::warn!("{message}");
        self.warnings.push(message);
    }

    /// Notes what could not be listed or proved, with its span.
    pub(crate) fn hole(&mut self, error: &clarion_core::Error) {
        let hole = error.chain();
        tracing::warn!("a hole: {hole}");
        self.holes.push(hole);
    }
}
