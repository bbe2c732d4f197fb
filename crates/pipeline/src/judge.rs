//! What a record that came in means: a new version or not, a details request or not. Pure.

use chrono::Duration;
use clarion_core::json::Json;
use clarion_core::{
    Fingerprint, Fingerprinter, Known, QueueEntry, Reason, SourceRecord, StatusClass, StreamName, Timestamp,
    fault,
};

/// How a record compares with the last version that the journal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    New,
    Changed,
    Same,
}

pub(crate) fn version(previous: Option<&Known>, hash: u64, private: Option<bool>) -> Version {
    match previous {
        None => Version::New,
        Some(known) if known.hash == hash && known.private == private && !known.gone => Version::Same,
        Some(_) => Version::Changed,
    }
}

/// The details request that a call needs which the list shows in a new version, if it needs one. `first` is the reason
/// for a call that was not ready or not known before.
///
/// A listing and the recovery of one decide here, so that both queue the same.
pub(crate) fn after_listing(
    previous: Option<&Known>,
    now: &Known,
    prints: &Fingerprinter,
    record: &Json<'_>,
    first: Reason,
) -> Option<QueueEntry> {
    let reason = details_reason(previous, now, prints, record, first)?;
    Some(queue_entry(now, reason, now.checked_at))
}

pub(crate) fn queue_entry(call: &Known, reason: Reason, due_at: Timestamp) -> QueueEntry {
    QueueEntry {
        stream: StreamName::CALL_DETAILS,
        key: call.key.clone(),
        reason,
        due_at,
        time: call.time,
        attempts: 0,
    }
}

fn details_reason(
    previous: Option<&Known>,
    now: &Known,
    prints: &Fingerprinter,
    record: &Json<'_>,
    first: Reason,
) -> Option<Reason> {
    if !StatusClass::of(now.status.as_deref()).has_details() {
        return None;
    }
    let Some(previous) = previous.filter(|previous| !previous.gone) else {
        return Some(first);
    };
    if !StatusClass::of(previous.status.as_deref()).has_details() {
        return Some(first);
    }
    let before = Fingerprint { hash: previous.fingerprint, paths: previous.paths };
    if prints.changed(before, record) || fault::defect("pipeline.new_field_is_change") {
        return Some(Reason::Changed);
    }
    // Only a field that did not exist before: the vendor may have added it to every call at once.
    (previous.fingerprint != now.fingerprint).then_some(Reason::Reread)
}

/// Whether the vendor has finished with a call's details.
fn is_complete(details: &SourceRecord) -> bool {
    StatusClass::of(details.status.as_deref()) != StatusClass::Ready || details.has_content
}

/// How long a call whose details failed is left alone: not at all after the first time, then longer and longer, so
/// that calls which always fail do not stand in the way of all others.
pub(crate) fn pause_after(attempts: u32) -> Duration {
    if attempts == 0 {
        return Duration::zero();
    }
    Duration::minutes(15) * 2_i32.pow((attempts - 1).min(6))
}

/// Transcript and summary come within hours; after two weeks they will not come any more.
const GIVE_UP_AFTER: Duration = Duration::days(14);

/// When to look again at a call whose details came: never, unless it is ready and has no transcript or summary yet.
pub(crate) fn after_details(details: &SourceRecord, attempts: u32, now: Timestamp) -> Option<QueueEntry> {
    if is_complete(details) { None } else { next_look(details, attempts, now) }
}

fn next_look(details: &SourceRecord, attempts: u32, now: Timestamp) -> Option<QueueEntry> {
    let ready_since = details.modified.or(details.time).unwrap_or(now);
    let pause = match attempts {
        0 => Duration::minutes(15),
        1 => Duration::hours(1),
        2 => Duration::hours(2),
        3 => Duration::hours(6),
        _ => Duration::days(1),
    };
    let due_at = now + pause;
    (due_at <= ready_since + GIVE_UP_AFTER).then(|| QueueEntry {
        stream: StreamName::CALL_DETAILS,
        key: details.key.clone(),
        reason: Reason::Reread,
        due_at,
        time: details.time,
        attempts: attempts + 1,
    })
}

#[cfg(test)]
mod tests {
    use clarion_core::{RecordKey, parse_timestamp};

    use super::*;

    fn details(data: &'static str) -> SourceRecord {
        SourceRecord {
            key: RecordKey::parse("a").expect("a key"),
            time: parse_timestamp("2026-11-01T10:00:00Z"),
            modified: parse_timestamp("2026-11-01T11:00:00Z"),
            status: Some("PROCESSED".to_owned()),
            has_content: false,
            data: bytes::Bytes::from_static(data.as_bytes()),
        }
    }

    #[test]
    fn an_incomplete_call_is_looked_at_less_and_less_and_then_given_up() {
        let record = details("{}");
        let ready = record.modified.expect("a time");
        let pauses: Vec<i64> = (0..6)
            .filter_map(|attempts| next_look(&record, attempts, ready))
            .map(|entry| (entry.due_at - ready).num_minutes())
            .collect();
        assert_eq!(pauses, [15, 60, 120, 360, 1440, 1440]);
        assert_eq!(next_look(&record, 9, ready + Duration::days(14)), None);
    }

    #[test]
    fn a_failing_call_is_tried_at_once_and_then_later_each_time() {
        let minutes: Vec<i64> = (0..4).map(|attempts| pause_after(attempts).num_minutes()).collect();
        assert_eq!(minutes, [0, 15, 30, 60]);
        assert_eq!(pause_after(1_000), pause_after(7), "bounded");
    }
}
