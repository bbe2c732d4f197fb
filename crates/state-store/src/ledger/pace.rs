//! The shared pace: slots in time that all processes on one store take one after the other.

use chrono::{DateTime, Duration};
use clarion_core::{Ask, Timestamp};

/// A next slot further away than this was booked under a clock that was wrong: the blocks of all living processes
/// together reach seconds ahead.
const LONGEST_BACKLOG: Duration = Duration::hours(1);

/// The one row that all reservations and settlements lock, so that they follow each other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    pub(super) next_slot_us: i64,
    pub(super) last_grant: i64,
}

impl Pace {
    /// Grows, and with the clock too: a process that outlives a lost store must not settle somebody else's grant.
    pub(super) fn next_grant(&self, now: Timestamp) -> i64 {
        (self.last_grant + 1).max(now.timestamp_micros())
    }
}

/// Free slots, the first at `start`. A process that starts anew goes on behind the slots of the one that died.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slots {
    pub(super) start: Timestamp,
    rate: f64,
}

impl Slots {
    pub(super) fn after(pace: &Pace, ask: &Ask) -> Self {
        let next = DateTime::from_timestamp_micros(pace.next_slot_us).unwrap_or(ask.now);
        let is_ahead = next > ask.now && next - ask.now <= LONGEST_BACKLOG;
        let start = if ask.rate > 0.0 && is_ahead { next } else { ask.now };
        Self { start, rate: ask.rate }
    }

    /// How many slots start before `end`: at least the first.
    pub(super) fn before(&self, end: Timestamp) -> u32 {
        if self.rate <= 0.0 {
            return u32::MAX;
        }
        let micros = (end - self.start).num_microseconds().unwrap_or(i64::MAX);
        ((micros as f64 * self.rate / 1e6).ceil() as u32).max(1)
    }

    /// Where the slot after `requests` slots starts, in microseconds; `None` without a pace.
    pub(super) fn end_us(&self, requests: u32) -> Option<i64> {
        let micros = (f64::from(requests) * 1e6 / self.rate).ceil() as i64;
        (self.rate > 0.0).then(|| self.start.timestamp_micros().saturating_add(micros))
    }
}

#[cfg(test)]
mod tests {
    use clarion_core::{Purpose, from_millis};

    use super::*;

    fn ask(now_ms: i64, rate: f64) -> Ask {
        Ask { now: from_millis(now_ms), purpose: Purpose::Forward, requests: 9, weekly_limit: 0, rate }
    }

    #[test]
    fn slots_follow_each_other_and_never_lie_in_the_past() {
        let pace = |next_slot_us| Pace { next_slot_us, last_grant: 0 };
        let behind = Slots::after(&pace(4_000_000), &ask(5_000, 9.0));
        assert_eq!(behind.start, from_millis(5_000));
        assert_eq!(behind.end_us(9), Some(6_000_000));
        let ahead = Slots::after(&pace(6_000_000), &ask(5_000, 9.0));
        assert_eq!(ahead.start, from_millis(6_000));
        assert_eq!(ahead.before(from_millis(7_000)), 9);
        assert_eq!(ahead.before(from_millis(6_001)), 1);
    }

    #[test]
    fn a_clock_that_was_wrong_once_does_not_stop_the_pace_for_ever() {
        let far = Pace { next_slot_us: 9_000_000_000_000, last_grant: 0 };
        assert_eq!(Slots::after(&far, &ask(5_000, 9.0)).start, from_millis(5_000));
    }

    #[test]
    fn without_a_rate_there_are_no_slots() {
        let free = Slots::after(&Pace { next_slot_us: 6_000_000, last_grant: 0 }, &ask(5_000, 0.0));
        assert_eq!((free.start, free.end_us(9)), (from_millis(5_000), None));
    }
}
