//! A generation of `call_details` over weeks: as much in each run as its time makes due, and no less.

use chrono::TimeDelta;
use clarion_simulator::{Control, Simulator};
use serde_json::Value;

use crate::harness::{Layout, Ran, Workspace, fetched_twice, simulate, small};
use crate::quota::wednesday;

struct Scene {
    simulator: Simulator,
    workspace: Workspace,
    failpoints: &'static str,
}

impl Scene {
    async fn synced(failpoints: &'static str) -> Self {
        let simulator = simulate(small(60)).await;
        let workspace = Workspace::new(&simulator.url(), Layout::default());
        workspace.sync();
        Self { simulator, workspace, failpoints }
    }

    fn control(&self) -> Control {
        self.simulator.control()
    }

    fn run(&self, week: i32, hour: i64, command: &str) -> Ran {
        let now = wednesday() + TimeDelta::weeks(week.into()) + TimeDelta::hours(hour);
        self.control().set_now(now);
        let now = now.to_rfc3339();
        let environment = [("CLARION_TEST_NOW", now.as_str()), ("FAILPOINTS", self.failpoints)];
        self.workspace.run_with_env(&environment, &[command])
    }

    fn limit(&self, weekly_requests: u64) {
        let config = self.workspace.config();
        let line = config.lines().find(|line| line.starts_with("weekly_requests")).unwrap();
        self.workspace.write_config(&config.replace(line, &format!("weekly_requests = {weekly_requests}")));
    }
}

/// Requests for a generation that a plan has, of one stream.
fn planned(plan: &Ran, stream: &str) -> u64 {
    let lines = plan.json["lines"].as_array().unwrap();
    let of_stream = |line: &&Value| line["stream"] == stream && line["purpose"] == "generation";
    lines.iter().filter(of_stream).filter_map(|line| line["requests"].as_u64()).sum()
}

fn spent(ran: &Ran) -> u64 {
    ran.json["requests"]["by_purpose"]["generation"].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn a_plan_says_what_a_generation_takes_of_the_next_sync() {
    let scene = Scene::synced("").await;
    for (week, what) in [(5, "it begins"), (6, "its share of a week"), (7, "the next")] {
        let before = scene.control().count();
        let plan = scene.run(week, 0, "plan").expect(0);
        assert!(scene.control().count() - before <= 1, "a plan costs one request a stream");
        let ran = scene.run(week, 0, "sync").expect(0);
        let (calls, details) = (planned(&plan, "calls"), planned(&plan, "call_details"));
        assert_eq!(calls + details, spent(&ran), "{what}: {}", plan.stdout);
        assert_eq!(plan.number("/requests"), ran.number("/requests/total"), "{what}: {}", plan.stdout);
        assert_eq!((calls > 0, details > 0), (week == 5, week > 5), "{what}");
    }
    assert_eq!(scene.run(7, 1, "status").expect(0).number("/generation"), 2);
}

/// What a generation spends in a week, in the next run that ends on the quota before its turn, and in the one after.
async fn shares(failpoints: &'static str) -> [u64; 3] {
    let scene = Scene::synced(failpoints).await;
    scene.run(5, 0, "sync").expect(0);
    let ran = scene.run(6, 0, "sync").expect(0);
    let listing = ran.number("/requests/total") - spent(&ran);
    scene.limit(listing);
    scene.control().reset_log();
    let paused = scene.run(7, 0, "sync").expect(3);
    scene.limit(0);
    let after = scene.run(7, 1, "sync").expect(0);
    assert_eq!(fetched_twice(&scene.control()), Vec::<String>::new());
    [&ran, &paused, &after].map(spent)
}

#[tokio::test]
async fn a_share_that_the_quota_does_not_allow_is_left_to_the_next_run() {
    let [week, paused, after] = shares("").await;
    assert!(week >= 14, "{week} of 60 calls in 7 of 30 days");
    assert_eq!(paused, 0);
    assert!(after >= week, "{after} after a pause, {week} in a week");
    let [_, _, after] = shares("pipeline.share_is_lost=return").await;
    assert!(after < week, "a share that is lost went unnoticed");
}
