//! The spellings of ISO 8601 besides RFC 3339's: basic and extended, by week and by day of the year, shortened, with a
//! decimal comma or a fraction of the last unit, with and without an offset, and with a space for the T.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta, Utc};

/// Calendar dates, week dates and ordinal dates.
const DATES: [&str; 6] = ["%Y-%m-%d", "%Y%m%d", "%G-W%V-%u", "%GW%V%u", "%Y-%j", "%Y%j"];
/// What the parts of a time count, in microseconds, and how many of each there may be.
const UNITS: [(i64, i64); 3] = [(3_600_000_000, 24), (60_000_000, 59), (1_000_000, 60)];
const DAY: i64 = 24 * 3_600_000_000;
/// The largest offset in use is 14 hours; more is no offset.
const MOST_OFFSET: i64 = DAY - 60_000_000;

/// A date and a time; without an offset it is UTC.
pub(super) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let date = DATES.iter().find_map(|layout| whole_date(date, layout))?;
    let (time, offset) = offset(rest)?;
    let micros = micros(time)? - offset;
    Some(NaiveDateTime::from(date).checked_add_signed(TimeDelta::microseconds(micros))?.and_utc())
}

/// The library also takes years of more or fewer than four digits and signs, which ISO 8601 does not.
fn whole_date(text: &str, layout: &str) -> Option<NaiveDate> {
    let length = match layout {
        "%Y-%m-%d" | "%G-W%V-%u" => 10,
        "%Y%m%d" | "%GW%V%u" | "%Y-%j" => 8,
        _ => 7,
    };
    let plain = text.len() == length && text.bytes().take(4).all(|byte| byte.is_ascii_digit());
    if plain { NaiveDate::parse_from_str(text, layout).ok() } else { None }
}

/// The time, and the offset from UTC in microseconds.
fn offset(text: &str) -> Option<(&str, i64)> {
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = text.find(['+', '-', '\u{2212}']) else { return Some((text, 0)) };
    let (time, offset) = text.split_at(at);
    let sign = if offset.starts_with('+') { 1 } else { -1 };
    let digits: String = offset.trim_start_matches(['+', '-', '\u{2212}']).replacen(':', "", 1);
    let count = match digits.len() {
        2 => 1,
        4 => 2,
        _ => return None,
    };
    let micros = parts(&digits, count)?;
    (micros <= MOST_OFFSET).then_some((time, sign * micros))
}

/// A time of day: `13`, `1300`, `130000`, `13:00`, `13:00:00`, with a fraction of its last part.
fn micros(time: &str) -> Option<i64> {
    let (whole, fraction) =
        time.split_once(['.', ',']).map_or((time, None), |(whole, rest)| (whole, Some(rest)));
    let digits = match whole.as_bytes() {
        [_, _, b':', _, _] | [_, _, b':', _, _, b':', _, _] => whole.replace(':', ""),
        _ => whole.to_owned(),
    };
    let count = digits.len() / 2;
    if !matches!(digits.len(), 2 | 4 | 6) {
        return None;
    }
    let fraction = fraction.map_or(Some(0), |digits| fraction_of(UNITS[count - 1].0, digits))?;
    let micros = parts(&digits, count)? + fraction;
    // 24:00 is the end of the day, and a leap second the start of the next minute.
    let hour: i64 = digits.get(..2)?.parse().ok()?;
    (hour < 24 || micros == DAY).then_some(micros)
}

/// Two digits a unit.
fn parts(digits: &str, count: usize) -> Option<i64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut micros = 0;
    for (number, (unit, most)) in UNITS.iter().take(count).enumerate() {
        let value: i64 = digits.get(number * 2..number * 2 + 2)?.parse().ok()?;
        if value > *most {
            return None;
        }
        micros += value * unit;
    }
    Some(micros)
}

/// Of a unit, cut off at microseconds.
fn fraction_of(unit: i64, digits: &str) -> Option<i64> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // Twelve digits of an hour are finer than a microsecond.
    let digits = &digits[..digits.len().min(12)];
    let scale = 10_i128.pow(u32::try_from(digits.len()).ok()?);
    i64::try_from(digits.parse::<i128>().ok()? * i128::from(unit) / scale).ok()
}
