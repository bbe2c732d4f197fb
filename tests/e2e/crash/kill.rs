//! Killing the product at a step, and starting it again.

use std::collections::BTreeSet;

use clarion_simulator::{Control, Simulator};

use crate::audit::{assert_clean, audit, audit_instant};
use crate::harness::{Layout, Ran, Workspace, simulate, small};

/// Requests in flight, as configured; so many details at most are fetched a second time.
pub(crate) const CONCURRENCY: u64 = 4;
/// SIGKILL.
const KILLED: Option<i32> = Some(9);

/// A place where the process dies, at its n-th passage, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Death(pub(crate) &'static str, pub(crate) u32);

impl Death {
    /// In the words of `FAILPOINTS`.
    pub(crate) fn spelled(self) -> String {
        match self {
            Self(point, 0) => format!("{point}=return"),
            Self(point, passages) => format!("{point}={passages}*off->return"),
        }
    }
}

/// A workspace with every destination, and its vendor.
pub(crate) struct Scene {
    pub(crate) simulator: Simulator,
    pub(crate) workspace: Workspace,
}

impl Scene {
    /// Every listed call is seen again in each sync, so that silent edits count as well.
    pub(crate) async fn set(calls: usize) -> Self {
        let simulator = simulate(small(calls)).await;
        let layout = Layout {
            source: format!("concurrency = {CONCURRENCY}"),
            more: "[streams.calls]\nrelist = \"500d\"\n".to_owned(),
            ..Layout::both().await
        };
        let workspace = Workspace::new(&simulator.url(), layout);
        Self { simulator, workspace }
    }

    pub(crate) fn control(&self) -> Control {
        self.simulator.control()
    }

    /// Runs a command with fail points until it is killed.
    #[track_caller]
    pub(crate) fn killed(&self, failpoints: &str, arguments: &[&str]) -> Ran {
        let ran = self.workspace.run_with_env(&[("FAILPOINTS", failpoints)], arguments);
        assert_eq!(
            ran.signal,
            KILLED,
            "{failpoints} did not kill `{}`, which ended with {}\n{}",
            arguments.join(" "),
            ran.code,
            ran.stderr
        );
        ran
    }

    /// What readers see right now.
    pub(crate) async fn assert_readable(&self, what: &str) {
        assert_clean(&format!("{what}, right after the kill"), audit_instant(&self.workspace).await);
    }

    /// Syncs once more, undisturbed, and compares everything with the vendor.
    pub(crate) async fn assert_recovers(&self, what: &str) {
        assert_clean(what, self.recovery("").await);
    }

    /// Syncs once more, with these fail points, and says what is wrong afterwards.
    pub(crate) async fn recovery(&self, failpoints: &str) -> Result<(), Vec<String>> {
        let ran = self.workspace.run_with_env(&[("FAILPOINTS", failpoints)], &["sync"]);
        if ran.code != 0 {
            return Err(vec![format!(
                "the sync after it ended with {}\n{}\n{}",
                ran.code, ran.stdout, ran.stderr
            )]);
        }
        audit(&self.workspace, &self.simulator).await
    }

    /// Whether a first sync that died `deaths` times fetched and journalled each version once, but for what was in
    /// flight when the process died.
    pub(crate) fn economy(&self, deaths: u64) -> Result<(), Vec<String>> {
        let control = self.control();
        let details = detailed(&control).len() as u64;
        let versions = details + (control.call_ids().len() + control.collection("users").len()) as u64;
        let paid = control.count_of("/call-details");
        let records = self.workspace.run(&["status"]).expect(0).number("/journal/records");
        let in_flight = deaths * CONCURRENCY;
        let mut findings = Vec::new();
        if paid > details + in_flight {
            findings.push(format!("{paid} details requests for {details} calls and {deaths} deaths"));
        }
        if !(versions..=versions + in_flight).contains(&records) {
            findings.push(format!(
                "{records} records in the journal for {versions} versions and {deaths} deaths"
            ));
        }
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }
}

/// Ids of calls whose details are wanted.
pub(crate) fn detailed(control: &Control) -> BTreeSet<String> {
    let truth = control.truth();
    let wanted = truth.iter().filter(|call| crate::audit::has_details(call));
    wanted.filter_map(|call| call["id"].as_str().map(str::to_owned)).collect()
}
