//! The one text form of every scalar, and the one JSON form of every value.
//!
//! A column that widens is cast from its old type; a column that was wide from the start is written directly. Both
//! ways lead through here, so that they end in the same text.

use chrono::{DateTime, Datelike};
use clarion_core::{Timestamp, format_timestamp, parse_timestamp};

/// Longer digits stay quoted in JSON: some readers of JSON overflow on them.
const MAX_BARE_DIGITS: usize = 40;

/// Shortest digits that read back as the same number, without exponent and without `.0`.
pub(crate) fn double_text(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { value.to_string() }
}

/// Microseconds since 1970 of a text that is a time; `None` for any other.
pub(crate) fn time_micros(text: &str) -> Option<i64> {
    let micros = parse_timestamp(text)?.timestamp_micros();
    // A leap second at the end of 9999 is past what readers can show.
    let year = DateTime::from_timestamp_micros(micros)?.year();
    (1..=9999).contains(&year).then_some(micros)
}

/// The same for a text that nobody declared to be a time: only spellings that nothing else has. `2024325T13` is a time
/// where the contract says so, and elsewhere may be the number of a part.
pub(crate) fn plain_time_micros(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let is_at = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    let extended = is_at(4, b"-") && is_at(7, b"-") && is_at(10, b"Tt ") && is_at(13, b":");
    let basic = is_at(8, b"T") && bytes.get(9..15).is_some_and(|time| time.iter().all(u8::is_ascii_digit));
    if extended || basic { time_micros(text) } else { None }
}

pub(crate) fn time_text(micros: i64) -> String {
    format_timestamp(DateTime::from_timestamp_micros(micros).unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Appends a scalar, given by its canonical text, as JSON: numbers and booleans bare, everything else quoted.
///
/// It depends on the text alone: a number that a column held as text must come out as if it had never been text.
pub(crate) fn push_json_scalar(text: &str, out: &mut String) {
    if text == "true" || text == "false" || is_canonical_number(text) {
        out.push_str(text);
    } else {
        push_json_string(text, out);
    }
}

pub(crate) fn push_json_string(text: &str, out: &mut String) {
    out.push('"');
    let mut plain_from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escaped = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[plain_from..at]);
        plain_from = at + 1;
        if escaped.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escaped);
        }
    }
    out.push_str(&text[plain_from..]);
    out.push('"');
}

fn is_canonical_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || text.len() > MAX_BARE_DIGITS || text == "-0" {
        return false;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits == "0" || !digits.starts_with('0');
    }
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain && text.parse::<f64>().is_ok_and(|value| double_text(value) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> String {
        let mut out = String::new();
        push_json_scalar(text, &mut out);
        out
    }

    #[test]
    fn doubles_have_one_text() {
        let texts: Vec<String> = [5.0, -0.0, 0.1, 1e21, 1e-7, -2.5].into_iter().map(double_text).collect();
        assert_eq!(texts, ["5", "0", "0.1", "1000000000000000000000", "0.0000001", "-2.5"]);
    }

    #[test]
    fn only_canonical_numbers_and_booleans_stand_bare_in_json() {
        for bare in ["5", "-5", "0", "0.25", "true", "12345678901234567890123"] {
            assert_eq!(json(bare), bare);
        }
        for quoted in ["", "-", "007", "1e5", "1.0", ".5", "-0", "null", "a", "1e999999"] {
            assert_eq!(json(quoted), format!("\"{quoted}\""));
        }
        assert_eq!(json("a\"\\\n\u{1}é"), "\"a\\\"\\\\\\n\\u0001é\"");
    }

    #[test]
    fn a_text_that_nobody_declared_is_a_time_only_where_it_can_be_nothing_else() {
        for time in
            ["2024-11-20T13:00Z", "2024-11-20 13:00:00", "20241120T130000Z", "2024-11-20T13:00:00,5+01"]
        {
            assert!(plain_time_micros(time).is_some(), "{time}");
        }
        for other in [
            "1234123T12",
            "1234123 12",
            "20241120 13",
            "2024-W47-3T13:00:00Z",
            "2024-11-20T13",
            "20241120T13",
        ] {
            assert!(plain_time_micros(other).is_none(), "{other}");
        }
    }

    #[test]
    fn times_outside_the_calendar_are_none() {
        assert_eq!(time_micros("9999-12-31T23:59:60Z"), None);
        assert_eq!(
            time_micros("2024-11-20T14:00:00.1234567+01:00").map(time_text).as_deref(),
            Some("2024-11-20T13:00:00.123456Z")
        );
    }
}
