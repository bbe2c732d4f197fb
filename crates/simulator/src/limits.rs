//! The vendor's two limits: requests in any sliding second, and requests a week.
//!
//! The contract does not say whether a refused request counts. Here it uses up the weekly quota, so that
//! a client's own ledger is held to the stricter reading, but not the second: otherwise a client that
//! keeps knocking would never be let in again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, NaiveTime, TimeDelta, Utc};

/// Counts requests and says which ones to refuse.
#[derive(Debug)]
pub(crate) struct Limits {
    rate: u32,
    weekly_quota: u64,
    accepted: VecDeque<Instant>,
    week: Option<DateTime<Utc>>,
    used: u64,
}

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Rate,
    Quota,
}

impl Limits {
    pub(crate) fn new(rate: u32, weekly_quota: u64) -> Self {
        Self { rate, weekly_quota, accepted: VecDeque::new(), week: None, used: 0 }
    }

    /// Counts one request against the week and decides on it.
    pub(crate) fn admit(&mut self, at: Instant, now: DateTime<Utc>) -> Result<(), Refusal> {
        let week = week_start(now);
        if self.week != Some(week) {
            self.week = Some(week);
            self.used = 0;
        }
        self.used += 1;
        if self.weekly_quota > 0 && self.used > self.weekly_quota {
            return Err(Refusal::Quota);
        }
        self.admit_rate(at)
    }

    /// Requests counted in the week of the last one, refused ones included.
    pub(crate) fn used(&self) -> u64 {
        self.used
    }

    fn admit_rate(&mut self, at: Instant) -> Result<(), Refusal> {
        if self.rate == 0 {
            return Ok(());
        }
        while self.accepted.front().is_some_and(|first| at.duration_since(*first) >= Duration::from_secs(1)) {
            self.accepted.pop_front();
        }
        if self.accepted.len() >= self.rate as usize {
            return Err(Refusal::Rate);
        }
        self.accepted.push_back(at);
        Ok(())
    }
}

/// The Sunday 00:00 GMT on or before `now`.
fn week_start(now: DateTime<Utc>) -> DateTime<Utc> {
    let days = i64::from(now.weekday().num_days_from_sunday());
    let sunday = now.date_naive() - TimeDelta::days(days);
    sunday.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_window_slides_and_refused_requests_do_not_extend_it() {
        let mut limits = Limits::new(2, 0);
        let (start, now) = (Instant::now(), at("2026-11-11T00:00:00Z"));
        let after = |ms| start + Duration::from_millis(ms);
        assert_eq!(limits.admit(after(0), now), Ok(()));
        assert_eq!(limits.admit(after(600), now), Ok(()));
        assert_eq!(limits.admit(after(999), now), Err(Refusal::Rate));
        assert_eq!(limits.admit(after(1000), now), Ok(()));
        assert_eq!(limits.admit(after(1599), now), Err(Refusal::Rate));
        assert_eq!(limits.admit(after(1600), now), Ok(()));
        assert_eq!(limits.used(), 6);
    }

    #[test]
    fn the_week_begins_on_sunday_midnight() {
        assert_eq!(week_start(at("2026-11-14T23:59:59Z")), at("2026-11-08T00:00:00Z"));
        assert_eq!(week_start(at("2026-11-15T00:00:00Z")), at("2026-11-15T00:00:00Z"));
        let mut limits = Limits::new(0, 1);
        let start = Instant::now();
        assert_eq!(limits.admit(start, at("2026-11-14T23:59:58Z")), Ok(()));
        assert_eq!(limits.admit(start, at("2026-11-14T23:59:59Z")), Err(Refusal::Quota));
        assert_eq!(limits.admit(start, at("2026-11-15T00:00:00Z")), Ok(()));
    }
}
