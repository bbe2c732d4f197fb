//! The pause that all workers share, and the stop after which nothing leaves.

use std::time::Duration;

use clarion_core::{Error, Kind, Result, Stop};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

pub(super) struct Hold(watch::Sender<Traffic>);

#[derive(Debug, Clone, Copy, Default)]
struct Traffic {
    paused_until: Option<Instant>,
    shut: Option<Shut>,
}

/// Why nothing leaves any more.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shut {
    /// The vendor refused the credentials.
    Refused,
    /// The run was asked to stop.
    Halted,
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
            if let Some(why) = traffic.shut {
                return Err(why.error());
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

    /// Waits for `work`, but not beyond the shutting of the gate.
    pub(super) async fn unless_shut<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        tokio::select! {
            biased;
            error = self.shutting() => Err(error),
            done = work => Ok(done),
        }
    }

    async fn shutting(&self) -> Error {
        let mut changes = self.0.subscribe();
        let shut = changes.wait_for(|traffic| traffic.shut.is_some()).await;
        let why = shut.ok().and_then(|traffic| traffic.shut);
        why.expect("the sender lives in `self`, so that waiting cannot fail").error()
    }

    pub(super) fn is_open(&self) -> bool {
        let traffic = *self.0.borrow();
        traffic.shut.is_none() && traffic.paused_until.is_none_or(|until| until <= Instant::now())
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

    /// The first reason stays.
    pub(super) fn shut(&self, why: Shut) {
        self.0.send_modify(|traffic| traffic.shut = traffic.shut.or(Some(why)));
    }
}

impl Shut {
    fn error(self) -> Error {
        match self {
            Self::Refused => Error::new(Kind::Credentials, "the vendor refused the credentials before")
                .hint("check CLARI_API_KEY and CLARI_API_PASSWORD"),
            Self::Halted => Stop::interrupted(),
        }
    }
}
