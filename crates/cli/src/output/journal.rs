//! `journal` and `purge` for people.

use clarion_pipeline::{Compacted, JournalReport, Purge};

use super::paint;
use super::table::{grouped, size, table};

pub(crate) fn journal(report: &JournalReport) {
    let segments = report.segments.iter().map(|segment| {
        vec![
            grouped(segment.number),
            segment.created_at.format("%F %R UTC").to_string(),
            segment.run_id.clone(),
            grouped(segment.records),
            grouped(segment.dropped),
            size(segment.raw_bytes),
            size(segment.stored_bytes),
        ]
    });
    table(&["segment", "created", "run", "records", "dropped", "raw", "stored"], segments.collect());
    let totals = &report.totals;
    out!(
        "{} {} records in {} segments, {} dropped, {} stored of {} raw",
        paint::bold("total"),
        grouped(totals.records),
        grouped(totals.segments),
        grouped(totals.dropped),
        size(totals.stored_bytes),
        size(totals.raw_bytes)
    );
    out!();
    let streams = report.streams.iter().map(|(name, stream)| {
        vec![name.clone(), grouped(stream.keys), grouped(stream.records), grouped(stream.tombstones)]
    });
    table(&["stream", "keys", "records", "tombstones"], streams.collect());
    for standing in &report.destinations {
        match (&standing.error, &standing.position) {
            (Some(error), _) => out!("{} {error}", paint::red(&standing.name)),
            (None, position) => out!(
                "{} at position {}, {} segments behind",
                paint::bold(&standing.name),
                position.as_deref().unwrap_or_default(),
                grouped(standing.segments_behind.unwrap_or(0))
            ),
        }
    }
}

pub(crate) fn compacted(done: &Compacted) {
    if done.rewritten_segments == 0 {
        out!("nothing to drop up to segment {}, which every destination has read", done.up_to);
        return;
    }
    out!(
        "{} records dropped from {} segments: {} now, {} before",
        grouped(done.dropped_records),
        grouped(done.rewritten_segments),
        size(done.bytes_after),
        size(done.bytes_before)
    );
}

pub(crate) fn purged(done: &Purge) {
    for (name, purged) in &done.destinations {
        match &purged.error {
            None => out!("{} {} rows removed", paint::bold(name), grouped(purged.rows)),
            Some(_) => out!("{} not done", paint::red(name)),
        }
    }
    out!(
        "{} {} records removed from {} segments",
        paint::bold("journal"),
        grouped(done.journal.records),
        grouped(done.journal.segments)
    );
    out!("{} done", paint::bold("state"));
}
