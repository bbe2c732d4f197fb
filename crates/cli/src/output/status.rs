//! `status` and `streams` for people.

use clarion_core::{Rejected, Timestamp, parse_timestamp};
use clarion_pipeline::{Status, StreamStatus};

use super::paint;
use super::table::{grouped, size, table};

pub(crate) fn status(status: &Status) {
    let quota = &status.quota;
    let left = quota.left.map_or_else(|| "unlimited".to_owned(), |left| format!("{} left", grouped(left)));
    out!(
        "{} {} requests used, {left}, resets {}",
        paint::bold("quota"),
        grouped(quota.used),
        time(quota.resets_at)
    );
    for (purpose, requests) in &quota.by_purpose {
        out!("  {purpose:<12} {}", grouped(*requests));
    }
    let journal = &status.journal;
    out!(
        "{} {} records in {} segments, {} stored of {} raw",
        paint::bold("journal"),
        grouped(journal.records),
        grouped(journal.segments),
        size(journal.stored_bytes),
        size(journal.raw_bytes)
    );
    out!();
    streams(&status.streams);
    generation(status);
    queue(status);
    backfills(status);
    destinations(status);
    runs(status);
    rules(status);
    if !status.rejected.is_empty() {
        out!();
        rejected(&status.rejected);
        out!("all of them: `clarion status --rejected`; after a fix: `clarion load --rejected`");
    }
}

/// What could not be fetched or not be loaded as it is.
pub(crate) fn rejected(letters: &[Rejected]) {
    let rows = letters.iter().map(|letter| {
        vec![
            letter.stream.to_string(),
            letter.key.to_string(),
            letter.destination.clone().unwrap_or_else(|| "(the source)".to_owned()),
            time(letter.at),
            grouped(letter.attempts),
            letter.reason.clone(),
        ]
    });
    table(&["rejected", "key", "by", "last", "times", "reason"], rows.collect());
}

pub(crate) fn streams(streams: &[StreamStatus]) {
    let rows = streams.iter().map(|stream| {
        vec![
            stream.name.clone(),
            if stream.enabled { stream.mode } else { "off" }.to_owned(),
            stream.key.clone(),
            stream.cursor.as_deref().map(cursor).unwrap_or_default(),
            grouped(stream.rows),
            stream.last_success.map_or_else(|| "never".to_owned(), time),
            stream.availability.clone(),
            stream.seen_by.clone(),
        ]
    });
    table(
        &["stream", "mode", "key", "cursor", "rows", "last success", "availability", "edits seen by"],
        rows.collect(),
    );
}

fn generation(status: &Status) {
    let progress = &status.generation_progress;
    let Some(begun_at) = progress.begun_at else { return };
    let state = match (progress.complete, progress.listed) {
        (true, _) => "complete".to_owned(),
        (false, true) => format!("{} calls to go", grouped(progress.waiting)),
        (false, false) => format!("history is being listed, {} calls to go", grouped(progress.waiting)),
    };
    out!();
    out!(
        "{} {} began {}: {state}, {} calls have details",
        paint::bold("generation"),
        status.generation,
        time(begun_at),
        grouped(progress.calls)
    );
}

fn queue(status: &Status) {
    if status.queue.is_empty() {
        return;
    }
    out!();
    let rows = status
        .queue
        .iter()
        .map(|line| vec![line.reason.to_owned(), grouped(line.waiting), grouped(line.due)]);
    table(&["details queued", "waiting", "due"], rows.collect());
}

fn backfills(status: &Status) {
    if status.backfills.is_empty() {
        return;
    }
    out!();
    let rows = status.backfills.iter().map(|job| {
        vec![
            job.span.clone(),
            grouped(job.slices_proved),
            format!("{} of {}", grouped(job.calls_listed), grouped(job.calls_expected)),
            format!("{} of {}", grouped(job.requests_spent), grouped(job.requests_planned)),
            if job.done { "done" } else { "ends" }.to_owned() + " " + &time(job.ends_at),
        ]
    });
    table(&["backfill", "slices", "calls", "requests", "end"], rows.collect());
}

fn destinations(status: &Status) {
    for destination in &status.destinations {
        out!();
        match (&destination.error, &destination.position) {
            (Some(error), _) => out!("{} {error}", paint::red(&destination.name)),
            (None, position) => out!(
                "{} at position {}, {} records behind the journal",
                paint::bold(&destination.name),
                position.as_deref().unwrap_or_default(),
                grouped(destination.lag_records.unwrap_or(0))
            ),
        }
        for (table, rows) in &destination.tables {
            out!("  {table:<24} {:>12}", grouped(*rows));
        }
    }
}

/// Column rules that somebody should look at.
fn rules(status: &Status) {
    for rules in status.rules.iter().filter(|rules| rules.outdated || !rules.never_met.is_empty()) {
        out!();
        if let Some(at) = rules.changed_at.filter(|_| rules.outdated) {
            out!(
                "{} of {} changed {}: earlier records are as they were until `clarion sync --full` has fetched them \
                 again, and in the journal until `clarion journal compact`",
                paint::bold("column rules"),
                rules.stream,
                time(at)
            );
        }
        if !rules.never_met.is_empty() {
            let paths = rules.never_met.join(", ");
            out!("{} of {} that no record has: {paths}", paint::bold("column rules"), rules.stream);
        }
    }
}

fn runs(status: &Status) {
    if status.runs.is_empty() {
        return;
    }
    out!();
    let text = |run: &serde_json::Value, name: &str| run[name].as_str().unwrap_or_default().to_owned();
    let rows = status
        .runs
        .iter()
        .map(|run| ["run_id", "kind", "outcome", "started_at"].map(|name| text(run, name)).to_vec());
    table(&["run", "kind", "outcome", "started"], rows.collect());
}

/// Times in our spelling, the vendor's own words as they are.
fn cursor(text: &str) -> String {
    parse_timestamp(text).map_or_else(|| text.to_owned(), time)
}

fn time(time: Timestamp) -> String {
    time.format("%F %R UTC").to_string()
}
