//! Whether the service does its work, from how its runs end.

use std::sync::atomic::{AtomicBool, Ordering};

use chrono::Duration;
use clarion_core::{Event, Kind, Observer, Outcome, Timestamp};

/// What readiness depends on beside the state store.
#[derive(Debug)]
pub struct Health {
    started_at: Timestamp,
    stale_after: Duration,
    refused: AtomicBool,
}

impl Health {
    /// Data older than `stale_after` makes the service unready; before the first sync its age counts from the start.
    pub fn new(started_at: Timestamp, stale_after: Duration) -> Self {
        Self { started_at, stale_after, refused: AtomicBool::new(false) }
    }

    /// Why the service is not ready, given when a sync last went well.
    pub fn unready(&self, last_success: Option<Timestamp>, now: Timestamp) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.refused.load(Ordering::Acquire) {
            reasons.push("the vendor refused the credentials".to_owned());
        }
        let age = now - last_success.unwrap_or(self.started_at).max(self.started_at.min(now));
        if age > self.stale_after {
            let since = last_success.map_or_else(
                || "no sync has gone well yet".to_owned(),
                |at| format!("the last sync that went well ended {}", at.format("%F %R UTC")),
            );
            reasons.push(format!("the data is stale: {since}"));
        }
        reasons
    }
}

impl Observer for Health {
    fn notice(&self, event: Event) {
        let Event::RunEnded { run } = event else { return };
        match run.outcome {
            Outcome::Failed if run.trouble.contains(&Kind::Credentials) => {
                self.refused.store(true, Ordering::Release);
            }
            // Any other failure says nothing of the credentials.
            Outcome::Failed => {}
            Outcome::Done | Outcome::Partial | Outcome::Paused => {
                self.refused.store(false, Ordering::Release)
            }
        }
    }
}
