//! Windows of whole days for streams whose answers cover a span: the last days, and each calendar month. Pure.

use chrono::{Datelike as _, Days, Duration, Months, NaiveDate, NaiveTime};
use clarion_core::{Declaration, StreamName, Timestamp};

/// A month that has just ended still gets calls that are being processed: an answer of these days is asked for once
/// more when they are over.
const SETTLES: Days = Days::new(3);

/// A span of days, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
}

impl Window {
    /// The last days up to today.
    pub(crate) fn rolling(stream: &Declaration, now: Timestamp) -> Option<Self> {
        let to = now.date_naive();
        let back = Days::new(u64::from(stream.window_days));
        (stream.window_days > 0).then(|| Self { from: to.checked_sub_days(back).unwrap_or(to), to })
    }

    /// The calendar month of a day.
    pub(crate) fn month(day: NaiveDate) -> Option<Self> {
        let from = day.with_day(1)?;
        Some(Self { from, to: from.checked_add_months(Months::new(1))?.pred_opt()? })
    }

    /// The cursor that says when this month was last asked for.
    pub(crate) fn cursor(self, stream: &StreamName) -> String {
        format!("{stream}.{}", self.from.format("%Y-%m"))
    }

    pub(crate) fn bounds(self) -> (Timestamp, Timestamp) {
        let at = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
        (at(self.from), at(self.to))
    }

    /// The moment at which its figures no longer change.
    fn settled(self) -> Timestamp {
        let end = self.to.succ_opt().and_then(|day| day.checked_add_days(SETTLES)).unwrap_or(self.to);
        end.and_time(NaiveTime::MIN).and_utc()
    }
}

/// The full calendar months from `since` up to `now`, newest first.
pub(crate) fn months(since: Timestamp, now: Timestamp) -> Vec<Window> {
    let first = since.date_naive();
    let mut months = Vec::new();
    let mut day = now.date_naive();
    while let Some(month) = Window::month(day).and_then(|this| Window::month(this.from.pred_opt()?)) {
        if month.from < first {
            break;
        }
        months.push(month);
        day = month.from;
    }
    months
}

/// The months to ask for: those never asked for, and those asked for while their figures could still change.
pub(crate) fn months_due(
    since: Timestamp,
    now: Timestamp,
    asked_at: impl Fn(Window) -> Option<Timestamp>,
) -> Vec<Window> {
    let is_due = |month: &Window| match asked_at(*month) {
        None => true,
        Some(asked) => asked < month.settled() && now >= month.settled(),
    };
    let twice = clarion_core::fault::defect("pipeline.month_asked_twice");
    months(since, now).into_iter().filter(|month| twice || is_due(month)).collect()
}

/// From where months are asked for: the start of history, or the month of the first call if that is later.
pub(crate) fn since(history_start: Timestamp, first_call: Option<Timestamp>) -> Timestamp {
    let month = first_call.and_then(|call| Window::month(call.date_naive()));
    // A day that has begun is not whole.
    let begins = history_start + Duration::days(1) - Duration::milliseconds(1);
    month.map_or(begins, |month| begins.max(month.bounds().0))
}

#[cfg(test)]
mod tests {
    use clarion_core::parse_timestamp;

    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_timestamp(text).expect("a time")
    }

    fn names(months: &[Window]) -> Vec<String> {
        months.iter().map(|month| format!("{}..{}", month.from, month.to)).collect()
    }

    #[test]
    fn months_are_full_and_come_newest_first() {
        let months = months(at("2025-12-01T00:00:00Z"), at("2026-03-31T23:59:59Z"));
        assert_eq!(
            names(&months),
            ["2026-02-01..2026-02-28", "2026-01-01..2026-01-31", "2025-12-01..2025-12-31"]
        );
        assert!(self::months(at("2026-03-01T00:00:00Z"), at("2026-03-31T23:59:59Z")).is_empty());
        assert_eq!(self::months(at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z")).len(), 1);
    }

    #[test]
    fn a_month_is_asked_for_once_more_if_it_was_asked_for_before_it_settled() {
        let since = at("2026-02-01T00:00:00Z");
        let due = |now: &str, asked: Option<&str>| {
            let asked = asked.map(at);
            names(&months_due(since, at(now), |_| asked)).len()
        };
        assert_eq!(due("2026-03-01T00:00:01Z", None), 1);
        assert_eq!(due("2026-03-02T00:00:00Z", Some("2026-03-01T00:00:01Z")), 0, "still settling");
        assert_eq!(due("2026-03-04T00:00:00Z", Some("2026-03-01T00:00:01Z")), 1);
        assert_eq!(due("2026-03-30T00:00:00Z", Some("2026-03-04T00:00:00Z")), 0, "for good");
    }

    #[test]
    fn history_begins_with_a_whole_month_and_not_long_before_the_first_call() {
        let start = at("2024-05-07T10:00:00Z");
        assert_eq!(
            names(&months(since(start, None), at("2024-07-02T00:00:00Z"))),
            ["2024-06-01..2024-06-30"]
        );
        let first = since(start, Some(at("2026-01-31T10:00:00Z")));
        assert_eq!(
            names(&months(first, at("2026-03-02T00:00:00Z"))).last().expect("one"),
            "2026-01-01..2026-01-31"
        );
        let midnight = since(at("2026-01-01T00:00:00Z"), None);
        assert_eq!(months(midnight, at("2026-02-01T00:00:00Z")).len(), 1);
    }

    #[test]
    fn the_last_days_end_today() {
        let stats = Declaration { window_days: 30, ..Declaration::default() };
        let window = Window::rolling(&stats, at("2026-03-02T23:00:00Z")).expect("a window");
        assert_eq!(
            (window.from.to_string(), window.to.to_string()),
            ("2026-01-31".into(), "2026-03-02".into())
        );
        assert_eq!(Window::rolling(&Declaration::default(), at("2026-03-02T00:00:00Z")), None);
    }
}
