//! How the week's requests are shared between the forward sync and everything else. Pure.

use chrono::Duration;

use crate::{Timestamp, week_start};

/// What recent days are.
const RECENT: Duration = Duration::days(7);
/// The forward sync never keeps more than this part of the week.
const MOST: u64 = 10;
/// Days differ: an eighth more than the average.
const MARGIN: f64 = 1.125;

/// What the forward sync used in the days before now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recent {
    /// The first hour with such a request; `None` before the first forward sync.
    pub since: Option<Timestamp>,
    pub requests: u64,
}

impl Recent {
    /// Requests before this moment are not recent.
    pub fn begins(now: Timestamp) -> Timestamp {
        now - RECENT
    }

    /// Requests that the forward sync will still want this week, which nothing else may spend.
    ///
    /// # Behavior
    /// - As many as it used an hour in recent days, for every hour that is left of the week, and a margin: it shrinks
    ///   as the week goes on, so that in the last hours what is left over may be spent on anything.
    /// - At most a tenth of `weekly_limit`; none before the first forward sync, none without a limit.
    pub fn reserve(&self, weekly_limit: u64, now: Timestamp) -> u64 {
        let Some(since) = self.since else { return 0 };
        let hours = |span: Duration| span.num_seconds().max(0) as f64 / 3600.0;
        // The first sync of a day stands for that day: nothing is known of a rhythm shorter than that.
        let observed = hours(now - since).max(24.0);
        let left = hours(week_start(now) + Duration::weeks(1) - now);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "positive, and cut off below"
        )]
        let wanted = (self.requests as f64 / observed * left * MARGIN).ceil() as u64;
        wanted.min(weekly_limit / MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse_timestamp;

    fn at(text: &str) -> Timestamp {
        parse_timestamp(text).expect("a time")
    }

    /// 2026-11-15 is a Sunday.
    fn recent(since: &str, requests: u64) -> Recent {
        Recent { since: Some(at(since)), requests }
    }

    #[test]
    fn nothing_is_kept_before_the_first_forward_sync_or_without_a_limit() {
        assert_eq!(Recent::default().reserve(100_000, at("2026-11-18T00:00:00Z")), 0);
        assert_eq!(recent("2026-11-17T00:00:00Z", 900).reserve(0, at("2026-11-18T00:00:00Z")), 0);
    }

    #[test]
    fn it_follows_recent_use_and_shrinks_to_nothing_as_the_week_ends() {
        let week = recent("2026-11-11T00:00:00Z", 1_680);
        let kept = |now: &str| week.reserve(100_000, at(now));
        assert_eq!(kept("2026-11-18T00:00:00Z"), 1_080, "ten an hour for 96 hours, and an eighth");
        assert!(kept("2026-11-21T12:00:00Z") < 150);
        assert!(kept("2026-11-21T23:30:00Z") <= 6);
    }

    #[test]
    fn a_single_sync_is_not_taken_for_an_hourly_rhythm_and_a_tenth_is_the_most() {
        let now = at("2026-11-15T01:00:00Z");
        assert_eq!(recent("2026-11-15T00:00:00Z", 24).reserve(100_000, now), 188);
        assert_eq!(recent("2026-11-15T00:00:00Z", 90_000).reserve(100_000, now), 10_000);
    }
}
