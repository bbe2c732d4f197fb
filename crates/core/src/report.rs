//! The run report: what `sync --json` and `backfill --json` print.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::Timestamp;

#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    pub run_id: String,
    pub kind: String,
    pub outcome: Outcome,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub requests: RequestReport,
    pub streams: BTreeMap<String, StreamReport>,
    pub destinations: BTreeMap<String, DestinationReport>,
    pub quota: QuotaReport,
    /// Whether a sync listed all that changed, proved, and fetched the details of it: then the data is fresh, also
    /// where the quota ended the rest of the run.
    pub forward_complete: bool,
    pub warnings: Vec<String>,
    /// What failed, if anything did; with the way out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<String>,
    /// Spans and calls that this run could not complete.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub holes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    Done,
    /// Done with holes.
    Partial,
    /// Out of quota; resumes by itself.
    Paused,
    Failed,
}

impl Outcome {
    pub const ALL: [Self; 4] = [Self::Done, Self::Partial, Self::Paused, Self::Failed];

    /// Whether a run of this kind and end leaves the data fresh: a sync that did all, or all but what may wait.
    pub fn is_fresh(self, kind: &str, forward_complete: bool) -> bool {
        let went_well = match self {
            Self::Done | Self::Partial => true,
            Self::Paused => forward_complete,
            Self::Failed => false,
        };
        went_well && matches!(kind, "sync" | "sync --full")
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Paused => "paused",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct RequestReport {
    pub total: u64,
    pub by_stream: BTreeMap<String, u64>,
    pub by_purpose: BTreeMap<String, u64>,
    pub retried: u64,
    pub rate_limited: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    pub fetched: u64,
    pub new: u64,
    pub changed: u64,
    pub deleted: u64,
    pub rejected: u64,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct DestinationReport {
    pub position: String,
    pub rows: BTreeMap<String, u64>,
    pub seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct QuotaReport {
    pub week_start: Option<Timestamp>,
    pub used: u64,
    /// `None` when unlimited.
    pub left: Option<u64>,
    pub resumes_at: Option<Timestamp>,
}
