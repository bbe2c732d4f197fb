//! When the data was last fresh: one rule for `status`, readiness, metrics and alerts.

use chrono::SubsecRound as _;
use clarion_core::{Outcome, Reason, Result, RunRecord, StateStore, Timestamp};

use crate::calls::FORWARD;
use crate::engine::Engine;

/// Syncs that are searched for the last one that went well.
const SYNCS: u32 = 500;

/// The end of the last sync that left the data fresh.
pub(crate) async fn last_success(state: &dyn StateStore) -> Result<Option<Timestamp>> {
    Ok(state.syncs(SYNCS).await?.into_iter().find(is_fresh).and_then(|run| run.ended_at))
}

fn is_fresh(run: &RunRecord) -> bool {
    let report: serde_json::Value = serde_json::from_str(&run.report).unwrap_or_default();
    let forward_complete = report["forward_complete"].as_bool().unwrap_or(false);
    Outcome::parse(&run.outcome).is_some_and(|outcome| outcome.is_fresh(&run.kind, forward_complete))
}

impl Engine {
    /// Whether the sync that began at `since` listed what changed, proved, and fetched the details of it. What a
    /// backfill, a generation or a re-read still waits for makes nothing stale.
    pub(crate) async fn is_forward_complete(&self, since: Timestamp) -> Result<bool> {
        let state = &self.stores.state;
        // As the state store keeps times.
        let since = since.trunc_subsecs(3);
        let listed = state.cursors().await?.get(FORWARD).is_some_and(|at| *at >= since);
        if self.streams.calls.enabled && !listed {
            return Ok(false);
        }
        let depth = state.queue_depth(self.stores.clock.now()).await?;
        let is_due = |reason: &Reason| depth.get(reason).is_some_and(|(_, due)| *due > 0);
        let forward = [Reason::OnDemand, Reason::Ready, Reason::Changed];
        Ok(!self.streams.call_details.enabled || !forward.iter().any(is_due))
    }
}

#[cfg(test)]
mod tests {
    use clarion_core::{RunId, from_millis};

    use super::*;

    fn run(kind: &str, outcome: &str, report: &str) -> RunRecord {
        RunRecord {
            id: RunId::new("r"),
            kind: kind.to_owned(),
            outcome: outcome.to_owned(),
            started_at: from_millis(0),
            ended_at: Some(from_millis(1)),
            report: report.to_owned(),
        }
    }

    #[test]
    fn a_sync_makes_fresh_if_only_what_may_wait_is_left() {
        let complete = r#"{"forward_complete":true}"#;
        assert!(is_fresh(&run("sync", "done", "")) && is_fresh(&run("sync --full", "partial", "{}")));
        assert!(is_fresh(&run("sync", "paused", complete)) && !is_fresh(&run("sync", "paused", "{}")));
        assert!(!is_fresh(&run("sync", "failed", complete)) && !is_fresh(&run("sync", "running", "")));
        assert!(
            !is_fresh(&run("on_demand", "done", complete)) && !is_fresh(&run("backfill", "done", complete))
        );
    }
}
