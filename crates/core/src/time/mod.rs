//! Times as the vendor spells them, and as tables hold them.

mod iso;

use chrono::{DateTime, Datelike, Days, Duration, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc};

/// UTC, with microseconds where it is stored.
pub type Timestamp = DateTime<Utc>;

/// RFC 3339 with nanoseconds and an offset has 35.
const MOST_BYTES: usize = 48;

/// Reads an ISO 8601 date and time, in any of its spellings; without an offset it is UTC. `None` if it is none, or its year is not in
/// 1 to 9999, which neither Python's nor .NET's readers could show.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    // The shortest spelling is 2024325T13, and none is much longer than RFC 3339's; most text is no time.
    let is_like = (10..=MOST_BYTES).contains(&text.len()) && text.as_bytes()[0].is_ascii_digit();
    if !is_like {
        return None;
    }
    let parsed =
        DateTime::parse_from_rfc3339(text).map(|time| time.to_utc()).ok().or_else(|| iso::parse(text))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The corpus that every write path is tested with.
    const HAZARDS: &str = include_str!("../../../../tests/hazards.json");

    #[test]
    fn every_spelling_of_a_time_is_that_time_and_what_is_none_is_none() {
        let hazards: serde_json::Value = serde_json::from_str(HAZARDS).expect("the corpus is JSON");
        let times = hazards["times"].as_array().expect("there are times");
        assert!(times.len() > 50);
        for time in times {
            let wire: String = serde_json::from_str(time["wire"].as_str().expect("text")).expect("a text");
            // As tables hold it: a leap second is the start of the next minute.
            let micros = parse_timestamp(&wire).map(|time| time.timestamp_micros());
            let shown = micros.and_then(DateTime::from_timestamp_micros).filter(|time| time.year() < 10_000);
            assert_eq!(shown.map(format_timestamp).as_deref(), time["shown"].as_str(), "{wire}");
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
