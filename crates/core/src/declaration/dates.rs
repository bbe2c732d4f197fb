//! Dates as macros write them: the letters of Java's formatter, which such configurations use everywhere.

use std::iter::Peekable;
use std::str::Chars;

use chrono::{Months, TimeDelta};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Kind, Result, Timestamp};

/// What a number in a date macro counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DateUnit {
    Second,
    Minute,
    Hour,
    #[default]
    Day,
    Week,
    Month,
    Year,
}

impl DateUnit {
    /// `count` of these after `time`; `None` if that is out of range.
    pub(super) fn after(self, time: Timestamp, count: i32) -> Option<Timestamp> {
        let span = i64::from(count);
        let months = match self {
            Self::Second => return time.checked_add_signed(TimeDelta::try_seconds(span)?),
            Self::Minute => return time.checked_add_signed(TimeDelta::try_minutes(span)?),
            Self::Hour => return time.checked_add_signed(TimeDelta::try_hours(span)?),
            Self::Day => return time.checked_add_signed(TimeDelta::try_days(span)?),
            Self::Week => return time.checked_add_signed(TimeDelta::try_weeks(span)?),
            Self::Month => count,
            Self::Year => count.checked_mul(12)?,
        };
        let distance = Months::new(months.unsigned_abs());
        if months < 0 { time.checked_sub_months(distance) } else { time.checked_add_months(distance) }
    }
}

/// A checked format, in the letters of chrono.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DateFormat(String);

impl DateFormat {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut format = String::new();
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '\'' => quoted(&mut letters, &mut format).ok_or_else(|| wrong(text, "an open quote"))?,
                'a'..='z' | 'A'..='Z' => {
                    let count = run(letter, &mut letters);
                    let part =
                        part(letter, count).ok_or_else(|| wrong(text, &letter.to_string().repeat(count)))?;
                    format.push_str(part);
                }
                '%' => format.push_str("%%"),
                other => format.push(other),
            }
        }
        if format.is_empty() { Err(wrong(text, "nothing")) } else { Ok(Self(format)) }
    }

    pub(super) fn write(&self, time: Timestamp) -> String {
        time.format(&self.0).to_string()
    }
}

/// The rest of a run of one letter; returns its length.
fn run(letter: char, letters: &mut Peekable<Chars<'_>>) -> usize {
    let mut count = 1;
    while letters.next_if_eq(&letter).is_some() {
        count += 1;
    }
    count
}

/// What stands between quotes stands for itself; two quotes are one.
fn quoted(letters: &mut Peekable<Chars<'_>>, format: &mut String) -> Option<()> {
    if letters.next_if_eq(&'\'').is_some() {
        format.push('\'');
        return Some(());
    }
    loop {
        match letters.next()? {
            '\'' if letters.next_if_eq(&'\'').is_some() => format.push('\''),
            '\'' => return Some(()),
            '%' => format.push_str("%%"),
            other => format.push(other),
        }
    }
}

/// Times are in UTC, and so is their offset.
fn part(letter: char, count: usize) -> Option<&'static str> {
    Some(match (letter, count) {
        ('y' | 'u', 1 | 4) => "%Y",
        ('y' | 'u', 2) => "%y",
        ('M' | 'L', 1) => "%-m",
        ('M' | 'L', 2) => "%m",
        ('M' | 'L', 3) => "%b",
        ('M' | 'L', 4) => "%B",
        ('d', 1) => "%-d",
        ('d', 2) => "%d",
        ('D', 1) => "%-j",
        ('D', 3) => "%j",
        ('E', 1..=3) => "%a",
        ('E', 4) => "%A",
        ('H', 1) => "%-H",
        ('H', 2) => "%H",
        ('h', 1) => "%-I",
        ('h', 2) => "%I",
        ('a', 1) => "%p",
        ('m', 1) => "%-M",
        ('m', 2) => "%M",
        ('s', 1) => "%-S",
        ('s', 2) => "%S",
        ('S', 3) => "%3f",
        ('S', 6) => "%6f",
        ('S', 9) => "%9f",
        ('X', _) => "Z",
        ('Z', 1..=3) => "+0000",
        ('Z' | 'x', 5) | ('x', 3) => "+00:00",
        ('x', 2 | 4) => "+0000",
        ('x', 1) => "+00",
        _ => return None,
    })
}

fn wrong(format: &str, what: &str) -> Error {
    Error::new(Kind::Config, "a date format cannot be used")
        .with("format", format)
        .with("because of", what)
        .hint("for instance yyyy-MM-dd or yyyy-MM-dd'T'HH:mm:ss'Z'; plain letters stand between quotes")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{from_millis, parse_timestamp};

    fn write(format: &str) -> Option<String> {
        let time = parse_timestamp("2026-03-05T07:08:09.012Z").expect("a time");
        DateFormat::parse(format).ok().map(|format| format.write(time))
    }

    #[test]
    fn the_common_letters_are_written_as_java_does() {
        for (format, expected) in [
            ("yyyy-MM-dd", "2026-03-05"),
            ("dd/MM/yy", "05/03/26"),
            ("d.M.yyyy H:m:s", "5.3.2026 7:8:9"),
            ("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'", "2026-03-05T07:08:09.012Z"),
            ("yyyy-MM-dd'T'HH:mm:ssXXX", "2026-03-05T07:08:09Z"),
            ("yyyy-MM-dd'T'HH:mm:ssZ", "2026-03-05T07:08:09+0000"),
            ("EEE, d MMM yyyy", "Thu, 5 Mar 2026"),
            ("yyyyMMdd 'o''clock 100%'", "20260305 o'clock 100%"),
            ("h:mm a", "7:08 AM"),
        ] {
            assert_eq!(write(format).as_deref(), Some(expected), "{format}");
        }
    }

    #[test]
    fn what_is_no_format_names_its_letters() {
        for (format, named) in
            [("yyyy-mmm", "mmm"), ("YYYY", "YYYY"), ("date", "t"), ("'open", "quote"), ("", "")]
        {
            let error = DateFormat::parse(format).expect_err("no format");
            assert!(error.to_string().contains(named), "{format}: {error}");
        }
    }

    proptest! {
        #[test]
        fn iso_spellings_come_back_as_the_time_they_were(millis in 0_i64..4_102_444_800_000) {
            let time = from_millis(millis);
            for format in ["yyyy-MM-dd'T'HH:mm:ss.SSSXXX", "yyyyMMdd'T'HHmmss.SSSZ", "uuuu-MM-dd HH:mm:ss.SSSxxx"] {
                let text = DateFormat::parse(format).expect("a format").write(time);
                prop_assert_eq!(parse_timestamp(&text), Some(time), "{}: {}", format, text);
            }
        }

        #[test]
        fn counting_there_and_back_ends_where_it_began(millis in 0_i64..4_102_444_800_000, count in -5_000_i32..5_000) {
            let time = from_millis(millis);
            for unit in [DateUnit::Second, DateUnit::Minute, DateUnit::Hour, DateUnit::Day, DateUnit::Week] {
                let there = unit.after(time, count).expect("in range");
                prop_assert_eq!(unit.after(there, -count), Some(time));
            }
        }

        #[test]
        fn any_text_is_a_format_or_an_error(text in "[yMdHmsSEXZx' a-c%/:-]{0,16}") {
            if let Ok(format) = DateFormat::parse(&text) {
                format.write(from_millis(0));
            }
        }
    }
}
