//! Signs that the server is not doing what was asked: errors, never progress.

use std::collections::HashSet;

use clarion_core::{Error, Kind, RecordKey, Result, SourceRecord};

use super::query::Filters;

/// A page as it was asked for.
pub(super) struct Asked<'a> {
    pub(super) filters: &'a Filters,
    pub(super) skip: u32,
    pub(super) limit: u32,
}

/// Checks a page by itself and against the keys of the one before.
pub(super) fn page(asked: &Asked<'_>, rows: &[SourceRecord], before: &[RecordKey]) -> Result<()> {
    let wrong = |message: &str| Err(protocol(asked, message));
    if rows.len() > asked.limit as usize {
        return wrong("the server sent more rows than the page holds");
    }
    if repeats(asked, rows, before) {
        return wrong("the server gave the same page again: it ignores skip or the time bound");
    }
    let mut latest = None;
    let mut keys = HashSet::with_capacity(rows.len());
    for row in rows {
        if row.time.is_some_and(|time| !asked.filters.admits(time)) {
            return wrong("the server sent a call outside of the time bounds");
        }
        if row.time.is_some() && row.time < latest {
            return wrong("the server's times do not ascend: it ignores sortTime");
        }
        latest = row.time.or(latest);
        if !keys.insert(&row.key) {
            return wrong("the server sent a call twice in one page");
        }
    }
    Ok(())
}

/// A full page equal to the one before; short ones may repeat at the end of a window.
fn repeats(asked: &Asked<'_>, rows: &[SourceRecord], before: &[RecordKey]) -> bool {
    let full = rows.len() == asked.limit as usize && rows.len() == before.len();
    full && rows.iter().zip(before).all(|(row, key)| row.key == *key)
}

pub(super) fn protocol(asked: &Asked<'_>, message: &str) -> Error {
    let parameters: Vec<_> = asked
        .filters
        .params(asked.skip, asked.limit)
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    Error::new(Kind::Protocol, message)
        .with("request", "GET /calls")
        .with("parameters", parameters.join("&"))
        .hint("nothing of this listing counts as progress; try again later, and tell the vendor if it stays")
}
