//! Times as the vendor spells them, and as tables hold them.

use chrono::{
    DateTime, Datelike, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, SecondsFormat, TimeZone, Utc,
};

/// UTC, with microseconds where it is stored.
pub type Timestamp = DateTime<Utc>;

/// Layouts with an offset, besides RFC 3339.
const WITH_OFFSET: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z", "%Y%m%dT%H%M%S%.f%#z"];
/// Layouts without one, read as UTC.
const WITHOUT_OFFSET: [&str; 4] =
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y%m%dT%H%M%S%.f"];

/// Reads an ISO 8601 date and time; without an offset it is UTC. `None` if it is none, or its year is not in
/// 1 to 9999, which neither Python's nor .NET's readers could show.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    // The shortest spelling is 2024-01-01T00:00; anything without a digit in front is text.
    if text.len() < 13 || !text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let parsed = DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .ok()
        .or_else(|| WITH_OFFSET.iter().find_map(|layout| parse_with_offset(text, layout)))
        .or_else(|| WITHOUT_OFFSET.iter().find_map(|layout| parse_naive(text, layout)))?;
    (1..=9999).contains(&parsed.year()).then_some(parsed)
}

/// Reads a date (`2024-01-31`, its start in UTC), a time, or an age (`365d`) counted back from `now`.
pub fn parse_date_or_age(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    parse_timestamp(text).or_else(|| {
        let age = Duration::from_std(humantime::parse_duration(text).ok()?).ok()?;
        now.checked_sub_signed(age)
    })
}

/// RFC 3339 in UTC with microseconds: the one form in which a time becomes text.
pub fn format_timestamp(time: Timestamp) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// From milliseconds since 1970; the epoch itself where they are out of range.
pub fn from_millis(millis: i64) -> Timestamp {
    DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
}

/// The start of the vendor's quota week: the last Sunday 00:00 GMT (vendor's contract, "Rate limit").
pub fn week_start(now: Timestamp) -> Timestamp {
    let back = u64::from(now.weekday().num_days_from_sunday());
    let sunday: NaiveDate = now.date_naive().checked_sub_days(Days::new(back)).unwrap_or(now.date_naive());
    Utc.from_utc_datetime(&sunday.and_time(NaiveTime::MIN))
}

fn parse_with_offset(text: &str, layout: &str) -> Option<Timestamp> {
    DateTime::parse_from_str(text, layout).map(|time| time.to_utc()).ok()
}

fn parse_naive(text: &str, layout: &str) -> Option<Timestamp> {
    NaiveDateTime::parse_from_str(text, layout).map(|time| time.and_utc()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_one_time_is_that_time() {
        let spellings = [
            "2024-11-20T13:00:00.000Z",
            "2024-11-20T13:00:00+00:00",
            "2024-11-20T14:00:00+0100",
            "2024-11-20T13:00:00",
            "2024-11-20 13:00:00",
            "2024-11-20T13:00Z",
            "2024-11-20T13:00",
            "20241120T130000Z",
        ];
        for spelling in spellings {
            let parsed = parse_timestamp(spelling).map(format_timestamp);
            assert_eq!(parsed.as_deref(), Some("2024-11-20T13:00:00.000000Z"), "{spelling}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in
            ["", "soon", "2024-11-20", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "12345678901234"]
        {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn the_quota_week_starts_on_sunday_in_gmt() {
        let friday = parse_timestamp("2026-11-20T11:52:00Z").map(week_start).map(format_timestamp);
        assert_eq!(friday.as_deref(), Some("2026-11-15T00:00:00.000000Z"));
        let sunday = parse_timestamp("2026-11-15T00:00:00Z").map(week_start).map(format_timestamp);
        assert_eq!(sunday.as_deref(), Some("2026-11-15T00:00:00.000000Z"));
    }
}
