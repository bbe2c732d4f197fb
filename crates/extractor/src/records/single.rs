//! An answer that holds one record, in one pass over its bytes: nearly all bytes of a sync come this way.

use bytes::Bytes;
use clarion_core::SourceRecord;
use serde_json::value::RawValue;

use super::envelope::Envelope;
use super::fields::Fields;
use super::{Unreadable, record, wrong};
use crate::streams::StreamSpec;

pub(crate) fn single(spec: &StreamSpec, body: &Bytes) -> Result<SourceRecord, Unreadable> {
    let text = std::str::from_utf8(body).map_err(|_| Unreadable::NoJson)?;
    let envelope: Envelope<'_, Fields<'_>> = Envelope::read(spec, text)?;
    let missing = || Unreadable::Wrong(wrong(spec, "an answer holds no record"));
    let fields = envelope.records.ok_or_else(missing)?;
    let raw = match alone(spec, text).filter(|_| envelope.fields == 1) {
        Some(raw) => raw,
        None => Envelope::<'_, &RawValue>::read(spec, text)?.records.ok_or_else(missing)?.get(),
    };
    record(spec, body, raw, &fields).map_err(|message| Unreadable::Wrong(wrong(spec, message)))
}

/// The value of an object with this one field, known to be whole JSON: what lies between the colon and the end.
fn alone<'a>(spec: &StreamSpec, text: &'a str) -> Option<&'a str> {
    let inside = text.trim_matches(SPACE).strip_prefix('{')?.strip_suffix('}')?;
    let after =
        inside.trim_start_matches(SPACE).strip_prefix('"')?.strip_prefix(spec.records)?.strip_prefix('"')?;
    Some(after.trim_start_matches(SPACE).strip_prefix(':')?.trim_matches(SPACE))
}

/// JSON's white space.
const SPACE: [char; 4] = [' ', '\n', '\r', '\t'];
