//! A run's report for people.

use std::collections::BTreeMap;

use clarion_core::{DestinationReport, Outcome, RunReport};
use clarion_pipeline::LoadOutcome;

use super::paint;
use super::table::{grouped, table};

/// So many holes and warnings are shown; the JSON report has all of them.
const SHOWN: usize = 10;

pub(crate) fn run_report(report: &RunReport, quiet: bool) {
    if quiet {
        return;
    }
    let seconds = (report.ended_at - report.started_at).num_milliseconds();
    let requests = &report.requests;
    out!(
        "{} {} in {}.{:01} s, {} requests ({} retried, {} refused for rate){}",
        report.kind,
        outcome(report.outcome),
        seconds / 1000,
        seconds % 1000 / 100,
        grouped(requests.total),
        requests.retried,
        requests.rate_limited,
        quota(report)
    );
    streams(report);
    destinations(&report.destinations, quiet);
    list("warning", &report.warnings);
    list("hole", &report.holes);
}

/// Rows by table, one column a destination.
pub(crate) fn destinations(reports: &BTreeMap<String, DestinationReport>, quiet: bool) {
    if quiet || reports.is_empty() {
        return;
    }
    out!();
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for table in reports.values().flat_map(|report| report.rows.keys()) {
        let counts = reports.values().map(|report| grouped(report.rows.get(table).copied().unwrap_or(0)));
        rows.insert(table, counts.collect());
    }
    if rows.is_empty() {
        out!("{}: nothing new", reports.keys().cloned().collect::<Vec<_>>().join(", "));
        return;
    }
    let titles: Vec<String> = reports.keys().map(|name| format!("rows into {name}")).collect();
    let headers: Vec<&str> = std::iter::once("table").chain(titles.iter().map(String::as_str)).collect();
    let lines = rows.into_iter().map(|(name, counts)| [vec![name.to_owned()], counts].concat());
    table(&headers, lines.collect());
    for (name, report) in reports.iter().filter(|(_, report)| report.error.is_none()) {
        out!("{name} is at position {}, loaded in {:.1} s", report.position, report.seconds);
    }
}

/// What became of rejected records that were loaded once more.
pub(crate) fn retried(outcome: &LoadOutcome) {
    for (name, retried) in &outcome.retried {
        out!(
            "{} {} rejected records loaded once more, {} of them are still rejected",
            paint::bold(name),
            grouped(retried.records),
            grouped(retried.rejected)
        );
    }
    if outcome.retried.is_empty() {
        out!("nothing was rejected");
    }
}

fn streams(report: &RunReport) {
    if report.streams.is_empty() {
        return;
    }
    out!();
    let rows = report.streams.iter().map(|(name, stream)| {
        let counts = [stream.fetched, stream.new, stream.changed, stream.deleted, stream.rejected];
        [vec![name.clone()], counts.map(grouped).to_vec()].concat()
    });
    table(&["stream", "fetched", "new", "changed", "deleted", "rejected"], rows.collect());
}

fn list(what: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    out!();
    for line in lines.iter().take(SHOWN) {
        out!("{} {line}", paint::yellow(&format!("{what}:")));
    }
    if lines.len() > SHOWN {
        out!("… and {} more ({what}s), all of them with --json", lines.len() - SHOWN);
    }
}

fn outcome(outcome: Outcome) -> String {
    match outcome {
        Outcome::Done => paint::green("done"),
        Outcome::Partial => paint::yellow("done with holes"),
        Outcome::Paused => paint::yellow("paused for quota"),
        Outcome::Failed => paint::red("failed"),
    }
}

fn quota(report: &RunReport) -> String {
    let left = report.quota.left.map(|left| format!(", {} left this week", grouped(left)));
    let resumes = report.quota.resumes_at.map(|at| format!(", resumes {}", at.format("%F %R UTC")));
    left.unwrap_or_default() + &resumes.unwrap_or_default()
}
