//! How long to wait before a failed request is sent again: the one file that uses `backoff`.

use std::time::Duration;

use backoff::backoff::Backoff;
use backoff::{ExponentialBackoff, ExponentialBackoffBuilder};

/// Sends of one request, the first included, before its failure counts as lasting.
const TRIES: u32 = 5;
/// Long enough for a reset connection, short enough not to be felt.
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A restart of the vendor's gateway takes seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The waits of one request: exponential, with jitter, bounded.
pub(crate) struct Waits {
    backoff: ExponentialBackoff,
    tries: u32,
}

impl Waits {
    pub(crate) fn new() -> Self {
        let backoff = ExponentialBackoffBuilder::new()
            .with_initial_interval(FIRST_WAIT)
            .with_max_interval(LONGEST_WAIT)
            .with_multiplier(2.0)
            // Tries are counted here; a long pause in between must not use them up.
            .with_max_elapsed_time(None)
            .build();
        Self { backoff, tries: 1 }
    }

    /// The next wait; `None` when the tries are used up.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        if self.tries >= TRIES {
            return None;
        }
        self.tries += 1;
        self.backoff.next_backoff()
    }

    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_sent_five_times_with_growing_waits() {
        let mut waits = Waits::new();
        let all: Vec<_> = std::iter::from_fn(|| waits.next()).collect();
        assert_eq!(all.len(), 4);
        assert!(all[0] <= Duration::from_millis(750) && all[3] >= Duration::from_secs(2), "{all:?}");
    }
}
