//! An answer that holds a list of records.

use bytes::Bytes;
use clarion_core::json::Json;
use clarion_core::{RecordKey, SourceRecord};
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::{Unreadable, key, keyed, wrong};
use crate::records::fields::Fields;
use crate::streams::StreamSpec;

/// The records of one answer, and what it says of the others.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) rows: Vec<SourceRecord>,
    /// `pagination.matched`.
    pub(crate) matched: Option<u64>,
    /// `pagination.hasMore`.
    pub(crate) has_more: Option<bool>,
}

pub(crate) fn page(spec: &StreamSpec, body: &Bytes) -> Result<Page, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NoJson)?;
    let envelope: Envelope<'_, Vec<&RawValue>> = Envelope::read(spec, text)?;
    let raws =
        envelope.records.ok_or_else(|| Unreadable::Wrong(wrong(spec, "an answer holds no records field")))?;
    let mut page = Page { rows: Vec::with_capacity(raws.len()), ..Page::default() };
    for (index, raw) in raws.into_iter().enumerate() {
        let named = |message| Unreadable::Wrong(wrong(spec, message).with("index", index));
        let fields: Fields<'_> =
            serde_json::from_str(raw.get()).map_err(|_| named("a record is not an object"))?;
        // Without an id a record cannot be stored, but it counts as seen: it is for others to report.
        let key = key(&fields).unwrap_or_else(|| RecordKey::nameless(raw.get().as_bytes()));
        page.rows.push(keyed(key, body, raw.get(), &fields));
    }
    if let Some(pagination) = envelope.pagination.and_then(|raw| Json::parse(raw.get().as_bytes()).ok()) {
        page.matched = pagination.get("matched").and_then(count);
        page.has_more = match pagination.get("hasMore") {
            Some(Json::Bool(more)) => Some(*more),
            _ => None,
        };
    }
    Ok(page)
}

fn count(value: &Json<'_>) -> Option<u64> {
    if let Json::Number(digits) = value { digits.parse().ok() } else { None }
}
