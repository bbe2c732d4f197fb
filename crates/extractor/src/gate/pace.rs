//! The pace within this process: never more than the rate in any sliding second, and hardly less.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// The governor counts in cells of this length; a request costs as many as its interval holds.
const CELL: Duration = Duration::from_micros(10);
const CELLS_PER_SECOND: f64 = 100_000.0;
/// Requests are spaced this much wider than the rate asks for …
const STRETCH: f64 = 1.01;
/// … so that a worker that a timer woke late may catch up this many cells (9 ms): `rate` intervals last 1.01 s,
/// and with one catch-up in them still more than a second.
const CATCH_UP_CELLS: u32 = 900;

pub(super) struct Pace {
    cells: NonZeroU32,
    limiter: RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<Duration>>,
    /// One at a time, in the order of arrival.
    turn: Mutex<()>,
}

impl Pace {
    /// `None` when unlimited.
    pub(super) fn of(rate: f64) -> Option<Self> {
        if rate <= 0.0 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped just before")]
        let cells = (CELLS_PER_SECOND * STRETCH / rate).ceil().clamp(1.0, f64::from(u32::MAX / 2)) as u32;
        let cells = NonZeroU32::new(cells)?;
        let burst = cells.saturating_add(CATCH_UP_CELLS);
        let quota = Quota::with_period(CELL)?.allow_burst(burst);
        let limiter = RateLimiter::direct_with_clock(quota, TokioClock(Instant::now()));
        Some(Self { cells, limiter, turn: Mutex::new(()) })
    }

    /// Returns when the next request may leave.
    pub(super) async fn turn(&self) {
        let _mine = self.turn.lock().await;
        loop {
            let checked =
                self.limiter.check_n(self.cells).expect("the burst holds more cells than one request costs");
            match checked {
                Ok(()) => return,
                Err(not_until) => sleep(not_until.wait_time_from(self.limiter.clock().now())).await,
            }
        }
    }
}

/// tokio's time, which tests pause.
#[derive(Debug, Clone)]
struct TokioClock(Instant);

impl Clock for TokioClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}
