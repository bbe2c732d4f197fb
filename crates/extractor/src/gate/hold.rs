//! The pause that all workers share, and the stop after which nothing leaves.

use std::time::Duration;

use clarion_core::{Error, Kind, Result};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub(super) struct Hold(watch::Sender<Traffic>);

#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    paused_until: Option<Instant>,
    shut: bool,
}

impl Default for Hold {
    fn default() -> Self {
        Self(watch::Sender::new(Traffic::default()))
    }
}

impl Hold {
    /// Returns when nobody has to wait; an error once the gate is shut.
    pub(super) async fn wait(&self) -> Result<()> {
        loop {
            let traffic = *self.0.borrow();
            if traffic.shut {
                return Err(refused());
            }
            let Some(until) = traffic.paused_until.filter(|until| *until > Instant::now()) else {
                return Ok(());
            };
            let mut changes = self.0.subscribe();
            tokio::select! {
                () = sleep_until(until) => {}
                _ = changes.changed() => {}
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        let traffic = *self.0.borrow();
        !traffic.shut && traffic.paused_until.is_none_or(|until| until <= Instant::now())
    }

    /// Returns by how much the pause grew.
    pub(super) fn pause(&self, wait: Duration) -> Duration {
        let now = Instant::now();
        let until = now + wait;
        let mut added = Duration::ZERO;
        self.0.send_modify(|traffic| {
            let before = traffic.paused_until.unwrap_or(now).max(now);
            added = until.saturating_duration_since(before);
            traffic.paused_until = Some(before.max(until));
        });
        added
    }

    pub(super) fn shut(&self) {
        self.0.send_modify(|traffic| traffic.shut = true);
    }
}

fn refused() -> Error {
    Error::new(Kind::Credentials, "the vendor refused the credentials before")
        .hint("check CLARI_API_KEY and CLARI_API_PASSWORD")
}
