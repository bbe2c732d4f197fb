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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use clarion_core::{RunSummary, from_millis};

    use super::*;

    fn at(hour: i64) -> Timestamp {
        from_millis(1_795_608_000_000 + hour * 3_600_000)
    }

    fn ended(outcome: Outcome, trouble: &[Kind]) -> Event {
        let run = RunSummary {
            run_id: String::new(),
            kind: "sync".to_owned(),
            outcome,
            started_at: at(0),
            ended_at: at(0),
            message: String::new(),
            trouble: trouble.to_vec(),
            forward_complete: false,
            resumes_at: None,
            schema_changes: Vec::new(),
            rows: BTreeMap::new(),
            loads: BTreeMap::new(),
        };
        Event::RunEnded { run: Arc::new(run) }
    }

    #[test]
    fn old_data_makes_it_unready_and_its_age_counts_from_the_start_at_the_latest() {
        let health = Health::new(at(0), Duration::hours(12));
        let unready = |last, now| !health.unready(last, at(now)).is_empty();
        assert!(!unready(None, 12) && unready(None, 13), "a first sync may take that long");
        assert!(!unready(Some(at(-100)), 12), "what was down for long gets the time to catch up");
        assert!(!unready(Some(at(5)), 17) && unready(Some(at(5)), 18));
    }

    #[test]
    fn refused_credentials_make_it_unready_until_a_run_gets_through() {
        let health = Health::new(at(0), Duration::hours(12));
        let is_ready = || health.unready(None, at(1)).is_empty();
        health.notice(ended(Outcome::Failed, &[Kind::Remote]));
        assert!(is_ready());
        health.notice(ended(Outcome::Failed, &[Kind::Credentials]));
        health.notice(ended(Outcome::Failed, &[Kind::Remote]));
        assert!(!is_ready(), "another failure proves nothing");
        health.notice(ended(Outcome::Paused, &[Kind::Quota]));
        assert!(is_ready());
    }
}
