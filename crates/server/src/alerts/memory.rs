//! What an address was told, so that it is told once. Pure.

use chrono::Duration;
use clarion_core::{Kind, Outcome, RunSummary, Timestamp, fault};

use super::message::Alert;
use crate::settings::{AlertKind, AlertSettings};

#[derive(Debug)]
pub(super) struct Memory {
    on: Vec<AlertKind>,
    stale_after: Duration,
    /// The end of the last sync that left the data fresh; the start of the service before the first.
    fresh_at: Timestamp,
    stale: bool,
    paused: bool,
    /// What the last run failed of.
    failing: Option<Vec<Kind>>,
}

impl Memory {
    pub(super) fn new(settings: &AlertSettings, fresh_at: Timestamp) -> Self {
        let stale_after = Duration::from_std(settings.stale_after).unwrap_or(Duration::MAX);
        Self { on: settings.on.clone(), stale_after, fresh_at, stale: false, paused: false, failing: None }
    }

    /// What is worth saying after a run.
    ///
    /// # Behavior
    /// - A failure is told once for as long as runs fail of the same, a pause once until a run is not paused.
    /// - A run that was ended by a signal is no failure.
    pub(super) fn after(&mut self, run: &RunSummary) -> Vec<Alert> {
        let mut alerts = Vec::new();
        if run.is_fresh() {
            self.fresh_at = run.ended_at;
            self.stale = false;
        }
        match run.outcome {
            Outcome::Done | Outcome::Partial => {
                self.failing = None;
                self.paused = false;
            }
            Outcome::Paused => {
                self.failing = None;
                if !std::mem::replace(&mut self.paused, true) {
                    alerts.push(Alert::of(AlertKind::Paused, run, paused(run)));
                }
            }
            Outcome::Failed if run.trouble == [Kind::Interrupted] => {}
            Outcome::Failed => {
                let same = self.failing.as_ref() == Some(&run.trouble);
                if !same || fault::defect("alerts.repeat") {
                    alerts.push(Alert::of(AlertKind::Failed, run, run.message.clone()));
                }
                self.failing = Some(run.trouble.clone());
            }
        }
        if !run.schema_changes.is_empty() {
            alerts.push(Alert::of(AlertKind::SchemaChanged, run, run.schema_changes.join("; ")));
        }
        alerts.retain(|alert| self.on.contains(&alert.kind));
        alerts
    }

    /// Says once that the data has become stale, until a sync goes well again.
    pub(super) fn at(&mut self, now: Timestamp) -> Option<Alert> {
        let is_stale = now - self.fresh_at > self.stale_after;
        if !is_stale || std::mem::replace(&mut self.stale, true) || !self.on.contains(&AlertKind::Stale) {
            return None;
        }
        let since = self.fresh_at.format("%F %R UTC");
        Some(Alert::stale(format!("no sync has gone well since {since}"), now))
    }
}

fn paused(run: &RunSummary) -> String {
    match run.resumes_at {
        Some(at) => format!("the week's requests are spent; it goes on {}", at.format("%F %R UTC")),
        None => "the week's requests are spent".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clarion_core::from_millis;

    use super::*;

    fn at(minute: i64) -> Timestamp {
        from_millis(1_795_608_000_000 + minute * 60_000)
    }

    fn run(minute: i64, outcome: Outcome, trouble: &[Kind]) -> RunSummary {
        RunSummary {
            run_id: "r".to_owned(),
            kind: "sync".to_owned(),
            outcome,
            started_at: at(minute),
            ended_at: at(minute),
            message: "m".to_owned(),
            trouble: trouble.to_vec(),
            forward_complete: false,
            resumes_at: None,
            schema_changes: Vec::new(),
            rows: std::collections::BTreeMap::new(),
            loads: std::collections::BTreeMap::new(),
        }
    }

    fn memory() -> Memory {
        let settings =
            AlertSettings { stale_after: std::time::Duration::from_secs(3600), ..AlertSettings::default() };
        Memory::new(&settings, at(0))
    }

    #[test]
    fn a_trouble_is_told_once_until_it_is_over_or_another() {
        let mut memory = memory();
        let mut told = |outcome, trouble: &[Kind]| memory.after(&run(0, outcome, trouble)).len();
        assert_eq!(told(Outcome::Failed, &[Kind::Remote]), 1);
        assert_eq!(told(Outcome::Failed, &[Kind::Remote]), 0);
        assert_eq!(told(Outcome::Failed, &[Kind::Credentials]), 1, "another trouble");
        assert_eq!(told(Outcome::Failed, &[Kind::Interrupted]), 0);
        assert_eq!(told(Outcome::Done, &[]), 0);
        assert_eq!(told(Outcome::Failed, &[Kind::Credentials]), 1, "again after it was over");
        assert_eq!(told(Outcome::Paused, &[Kind::Quota]), 1);
        assert_eq!(told(Outcome::Paused, &[Kind::Quota]), 0);
    }

    #[test]
    fn stale_data_is_told_once_until_a_sync_goes_well() {
        let mut memory = memory();
        assert!(memory.at(at(60)).is_none());
        assert!(memory.at(at(61)).is_some() && memory.at(at(90)).is_none());
        memory.after(&RunSummary { kind: "on_demand".to_owned(), ..run(91, Outcome::Done, &[]) });
        assert!(memory.at(at(92)).is_none(), "one call makes nothing fresh");
        memory.after(&run(100, Outcome::Partial, &[]));
        assert!(memory.at(at(160)).is_none() && memory.at(at(161)).is_some());
        memory.after(&run(200, Outcome::Paused, &[Kind::Quota]));
        assert!(memory.at(at(201)).is_none(), "told already, and still stale");
        let forward = RunSummary { forward_complete: true, ..run(300, Outcome::Paused, &[Kind::Quota]) };
        memory.after(&forward);
        assert!(memory.at(at(360)).is_none(), "what is new was fetched, only a backfill waits");
        assert!(memory.at(at(361)).is_some());
    }

    #[test]
    fn only_what_was_asked_for_is_told() {
        let settings = AlertSettings { on: vec![AlertKind::SchemaChanged], ..AlertSettings::default() };
        let mut memory = Memory::new(&settings, at(0));
        let changed = vec!["lake: calls: new column x (text)".to_owned()];
        let failed = RunSummary { schema_changes: changed, ..run(0, Outcome::Failed, &[Kind::Remote]) };
        let kinds: Vec<AlertKind> = memory.after(&failed).into_iter().map(|alert| alert.kind).collect();
        assert_eq!(kinds, [AlertKind::SchemaChanged]);
        assert!(memory.at(at(10_000)).is_none());
    }
}
