//! From how a run ended to what is told of it. Pure.

use std::collections::BTreeMap;

use clarion_core::{Error, Kind, Outcome, RunReport, RunSummary, Timestamp};

use crate::schedule::Verdict;
use crate::sync::RunEnd;

/// A run that was carried out, whatever it came to.
pub(super) fn of_end(end: &RunEnd) -> RunSummary {
    let report = &end.report;
    let mut rows = BTreeMap::new();
    for (destination, loaded) in &report.destinations {
        for (table, count) in &loaded.rows {
            rows.insert((destination.clone(), table.clone()), *count);
        }
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration in milliseconds")]
    let millis = |seconds: f64| (seconds * 1e3) as u64;
    RunSummary {
        run_id: report.run_id.clone(),
        kind: report.kind.clone(),
        outcome: report.outcome,
        started_at: report.started_at,
        ended_at: report.ended_at,
        message: message(report, &end.errors),
        trouble: end.errors.iter().map(Error::kind).collect(),
        forward_complete: report.forward_complete,
        resumes_at: report.quota.resumes_at,
        schema_changes: end.schema_changes.clone(),
        rows,
        loads: report
            .destinations
            .iter()
            .map(|(name, loaded)| (name.clone(), millis(loaded.seconds)))
            .collect(),
    }
}

/// A run that could not even begin, or not be recorded.
pub(super) fn of_failure(
    kind: &str,
    error: &Error,
    started_at: Timestamp,
    ended_at: Timestamp,
) -> RunSummary {
    RunSummary {
        run_id: String::new(),
        kind: kind.to_owned(),
        outcome: Outcome::Failed,
        started_at,
        ended_at,
        message: in_words(error),
        trouble: vec![error.kind()],
        forward_complete: false,
        resumes_at: None,
        schema_changes: Vec::new(),
        rows: BTreeMap::new(),
        loads: BTreeMap::new(),
    }
}

fn message(report: &RunReport, errors: &[Error]) -> String {
    let errors: Vec<String> = errors.iter().map(in_words).collect();
    match (errors.is_empty(), report.holes.first()) {
        (false, _) => errors.join("; "),
        (true, Some(first)) => format!("{} holes, the first: {first}", report.holes.len()),
        (true, None) => String::new(),
    }
}

fn in_words(error: &Error) -> String {
    match error.way_out() {
        Some(hint) => format!("{} (try: {hint})", error.chain()),
        None => error.chain(),
    }
}

pub(super) fn verdict(summary: &RunSummary) -> Verdict {
    match summary.outcome {
        Outcome::Done | Outcome::Partial => Verdict::Fine,
        Outcome::Paused => Verdict::Paused { resumes_at: summary.resumes_at },
        Outcome::Failed if summary.trouble.contains(&Kind::Credentials) => Verdict::Refused,
        Outcome::Failed => Verdict::Failed,
    }
}
