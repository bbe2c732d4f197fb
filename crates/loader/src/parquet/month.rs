//! Partitions: a folder for each month of the table's time.

use std::ops::Range;

use arrow::array::RecordBatch;
use chrono::{DateTime, Datelike, NaiveDate};
use clarion_core::{Result, TableSchema};

use super::columns::{time_at, times};

/// Cuts a batch that is sorted by time into the folders of its rows.
pub(super) fn partitions(batch: &RecordBatch, schema: &TableSchema) -> Result<Vec<(String, Range<usize>)>> {
    let table = schema.table.as_str();
    let Some(times) = times(batch, schema)? else {
        return Ok(vec![(table.to_owned(), 0..batch.num_rows())]);
    };
    let mut found = Vec::new();
    let mut start = 0;
    while start < times.len() {
        let (month, next) = month_of(time_at(&times, start));
        let inside = |row: usize| match (time_at(&times, row), next) {
            (Some(time), Some(next)) => time < next,
            (time, None) => time.is_none(),
            (None, Some(_)) => true,
        };
        let mut end = start + 1;
        while end < times.len() && inside(end) {
            end += 1;
        }
        found.push((format!("{table}/call_month={month}"), start..end));
        start = end;
    }
    Ok(found)
}

/// The month's name, and the first microsecond after it.
fn month_of(time: Option<i64>) -> (String, Option<i64>) {
    let date = time.and_then(DateTime::from_timestamp_micros).map(|time| time.date_naive());
    let Some(date) = date else {
        return ("unknown".to_owned(), None);
    };
    let (year, month) =
        if date.month() == 12 { (date.year() + 1, 1) } else { (date.year(), date.month() + 1) };
    let next = NaiveDate::from_ymd_opt(year, month, 1).and_then(|first| first.and_hms_opt(0, 0, 0));
    let next = next.map_or(i64::MAX, |first| first.and_utc().timestamp_micros());
    (format!("{:04}-{:02}", date.year(), date.month()), Some(next))
}

#[cfg(test)]
mod tests {
    use super::month_of;

    #[test]
    fn a_month_ends_where_the_next_begins() {
        let december = 1_798_761_599_999_999; // 2026-12-31T23:59:59.999999Z
        assert_eq!(month_of(Some(december)), ("2026-12".to_owned(), Some(december + 1)));
        assert_eq!(month_of(Some(december + 1)).0, "2027-01");
        assert_eq!(month_of(Some(-1)), ("1969-12".to_owned(), Some(0)));
        assert_eq!(month_of(None), ("unknown".to_owned(), None));
    }
}
