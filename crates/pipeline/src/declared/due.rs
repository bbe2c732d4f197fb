//! Which declared streams a sync reads, and under which names their progress is kept.

use chrono::{Duration, SecondsFormat};
use clarion_core::{Declaration, StreamName, Timestamp, content_hash, parse_timestamp};

/// Syncs do not begin to the second: one a day must not find yesterday's read a little too fresh.
const SLACK: Duration = Duration::minutes(10);

/// The cursor that says when a stream was last read to its end.
pub(crate) fn read(stream: &StreamName) -> String {
    format!("{stream}.read")
}

/// The cursor that says when the pass over a stream's parents began that is under way, or the last one.
pub(crate) fn begun(stream: &StreamName) -> String {
    format!("{stream}.begun")
}

/// The cursor that says when a stream's window of last days was last asked for.
pub(crate) fn last_days(stream: &StreamName) -> String {
    format!("{stream}.last_days")
}

/// The mark that holds how far an incremental stream came, in the vendor's own words.
pub(crate) fn reached(stream: &StreamName) -> String {
    format!("{stream}.reached")
}

/// The mark that says what the one above is a value of, and which parameter takes it.
pub(crate) fn reached_by(stream: &StreamName) -> String {
    format!("{stream}.reached_by")
}

/// The mark that says how a stream's windows are written, and since when.
pub(crate) fn written(stream: &StreamName) -> String {
    format!("{stream}.written")
}

/// The mark that says since when, and with which status, an endpoint is not there.
pub(crate) fn absent(stream: &StreamName) -> String {
    format!("{stream}.absent")
}

/// The mark that says when a stream was last read in vain, and how it was declared then.
pub(crate) fn tried(stream: &StreamName) -> String {
    format!("{stream}.tried")
}

/// What [`tried`] holds.
pub(crate) fn trial(stream: &Declaration, at: Timestamp) -> String {
    format!("{} {:016x}", at.to_rfc3339_opts(SecondsFormat::Millis, true), shape(stream))
}

/// Whether it is too soon after a read in vain for another one. Declared otherwise it may work now.
pub(crate) fn waits(stream: &Declaration, trial: &str, now: Timestamp) -> bool {
    let Some((at, declared)) = trial.split_once(' ') else { return false };
    let at = parse_timestamp(at).filter(|at| declared == format!("{:016x}", shape(stream)) && *at <= now);
    at.is_some_and(|at| !is_due(stream, Some(at), now))
}

fn shape(stream: &Declaration) -> u64 {
    content_hash(format!("{stream:?}").as_bytes())
}

/// The mark that says by which field a stream's leads have been noted since all records were looked at.
pub(crate) fn noted(stream: &StreamName) -> String {
    format!("{stream}.leads")
}

/// Whether the time for the next read has come.
pub(crate) fn is_due(stream: &Declaration, last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| is_ahead(last, now) || last <= due_before(stream, now))
}

/// Whether a moment lies in the future: the clock ran ahead when it was noted, and what it says is worth nothing.
pub(crate) fn is_ahead(at: Timestamp, now: Timestamp) -> bool {
    at - now > SLACK
}

/// What was last read before this moment is due.
pub(crate) fn due_before(stream: &Declaration, now: Timestamp) -> Timestamp {
    let every = stream.every.as_chrono();
    now.checked_sub_signed(every - SLACK.min(every / 10)).unwrap_or(Timestamp::MIN_UTC)
}

#[cfg(test)]
mod tests {
    use clarion_core::from_millis;

    use super::*;

    #[test]
    fn a_stream_is_due_once_its_period_has_passed_or_nearly() {
        let teams = clarion_core::built_in().iter().find(|stream| stream.name.as_str() == "teams");
        let teams = teams.expect("it is built in");
        let last = from_millis(0);
        assert!(is_due(teams, None, last));
        assert!(!is_due(teams, Some(last), last + Duration::hours(23)));
        assert!(is_due(teams, Some(last), last + Duration::hours(24) - Duration::minutes(5)));
        let always = Declaration { every: clarion_core::Period::seconds(0), ..teams.clone() };
        assert!(is_due(&always, Some(last), last));
        assert!(!is_due(teams, Some(last + Duration::minutes(9)), last), "clocks differ a little");
        assert!(is_due(teams, Some(last + Duration::days(400)), last), "the clock once ran ahead");
    }
    #[test]
    fn what_was_read_in_vain_waits_unless_it_is_declared_otherwise() {
        let teams = clarion_core::built_in()[1].clone();
        let at = from_millis(1_700_000_000_123);
        let trial = trial(&teams, at);
        let waits_for = |stream: &Declaration, hours: i64| waits(stream, &trial, at + Duration::hours(hours));
        assert!(waits_for(&teams, 0) && waits_for(&teams, 23) && !waits_for(&teams, 24));
        assert!(!waits_for(&teams, -1), "a clock that once ran ahead");
        let other = Declaration { records: "$.squads[*]".to_owned(), ..teams.clone() };
        assert!(!waits_for(&other, 1) && !waits(&teams, "?", at));
    }
}
