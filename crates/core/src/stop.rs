//! Asking a run to stop: the piece in hand is finished, nothing new begins.

use std::sync::Arc;

use tokio::sync::watch;

use crate::{Error, Kind, Result};

/// A flag that many hold and anybody may raise; it never goes down again.
#[derive(Debug, Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub fn request(&self) {
        self.0.send_replace(true);
    }

    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Fails with `Interrupted` once a stop was requested.
    pub fn check(&self) -> Result<()> {
        if self.is_requested() { Err(Self::interrupted()) } else { Ok(()) }
    }

    /// Runs `work` until it ends or a stop is requested, whatever comes first; `work` is then dropped.
    pub async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.requested() => Err(Self::interrupted()),
            done = work => done,
        }
    }

    /// Returns once a stop was requested.
    pub async fn requested(&self) {
        let mut flag = self.0.subscribe();
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = flag.wait_for(|raised| *raised).await;
    }

    /// What work that was cut short ends with.
    pub fn interrupted() -> Error {
        Error::new(Kind::Interrupted, "stopped on request").hint("run it again: it resumes where it stopped")
    }
}

impl Default for Stop {
    fn default() -> Self {
        Self::new()
    }
}
