//! A writer that froze, lost its lease and woke up after another had taken over: it can do nothing any more.
//!
//! It freezes itself with SIGSTOP at a step. What kept others out is then taken away, as it would be from a process on
//! another machine: its lock files are removed, its sessions at the server ended.

mod frozen;
mod restart;

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use clarion_simulator::Simulator;

use crate::audit::audit;
use crate::harness::{Database, Layout, Ran, Running, Workspace, simulate, small};

/// A workspace whose state is in Postgres, and its vendor.
struct Scene {
    simulator: Simulator,
    workspace: Workspace,
    state: Database,
}

impl Scene {
    /// `None`, said aloud, where there is no server.
    async fn set() -> Option<Self> {
        let state = Database::fresh().await?;
        let simulator = simulate(small(40)).await;
        let more = format!("[state]\nurl = \"{}\"\n[streams.calls]\nrelist = \"500d\"\n", state.url());
        let workspace = Workspace::new(&simulator.url(), Layout { more, ..Layout::both().await });
        Some(Self { simulator, workspace, state })
    }

    /// Something new for a later sync.
    fn change(&self, title: &str) {
        let control = self.simulator.control();
        for id in control.call_ids().into_iter().step_by(3) {
            let merge = serde_json::json!({ "title": title });
            control.edit(clarion_simulator::Edit::Patch { id, merge });
        }
    }

    /// Starts a sync and waits until it has frozen itself.
    fn freeze(&self, failpoints: &str) -> Running {
        let process = self.workspace.spawn(&[("FAILPOINTS", failpoints)], &["sync"]);
        let stat = format!("/proc/{}/stat", process.id());
        let give_up = Instant::now() + Duration::from_secs(90);
        loop {
            let text = fs::read_to_string(&stat).unwrap_or_default();
            match text.rsplit(") ").next().and_then(|rest| rest.chars().next()) {
                Some('T') => return process,
                Some('Z') | None => panic!("{failpoints}: it ended before: {}", process.wait().stderr),
                _ if Instant::now() > give_up => panic!("{failpoints}: it was never reached"),
                _ => std::thread::yield_now(),
            }
        }
    }

    /// Takes away whatever keeps others out: as if the frozen process were on a machine that nobody can reach.
    async fn cut_off(&self) {
        let _ = fs::remove_file(self.workspace.path().join("clarion.lock"));
        let _ = fs::remove_file(self.workspace.lake().join("_clarion/lock"));
        // The folder's other guard is the fence, which stays.
        let end = "SELECT count(pg_terminate_backend(pid, 10000))::text FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()";
        for database in [Some(&self.state), self.workspace.warehouse()].into_iter().flatten() {
            database.text(end).await;
        }
    }

    /// Wakes it and waits for its end.
    fn wake(&self, zombie: Running) -> Ran {
        signal(&zombie, "-CONT");
        zombie.wait()
    }

    /// What is wrong with journal and destinations, if anything is.
    async fn findings(&self) -> Vec<String> {
        let mut findings = audit(&self.workspace, &self.simulator).await.err().unwrap_or_default();
        let verified = self.workspace.run(&["verify", "--sample", "1000"]);
        if verified.code != 0 {
            findings.push(format!("verify: {}\n{}", verified.stdout, verified.stderr));
        }
        findings
    }
}

fn signal(process: &Running, name: &str) {
    let sent = Command::new("kill").args([name, &process.id().to_string()]).status();
    assert!(sent.unwrap().success(), "the process is there");
}
