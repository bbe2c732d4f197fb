//! Weeks of the service in milliseconds, on tokio's paused time.

use chrono::TimeDelta;
use clarion_core::{Error, Kind, RunId, RunRecord, parse_timestamp};
use tokio::time::Instant;

use super::*;
use crate::schedule::ScheduleSettings;
use crate::settings::Period;

/// Tokio's time as a wall clock.
struct TokioClock(Timestamp, Instant);

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.0 + TimeDelta::from_std(self.1.elapsed()).expect("weeks")
    }
}

/// Notes what is done when, and ends the service at `until`.
struct Diary {
    clock: Arc<dyn Clock>,
    stop: Stop,
    until: Timestamp,
    lasts: Duration,
    verdict: Verdict,
    asked: Vec<Timestamp>,
    chores: u32,
    lines: Vec<(&'static str, Timestamp)>,
    busy: Arc<std::sync::atomic::AtomicBool>,
}

impl Diary {
    async fn work(&mut self, what: &'static str) -> Past {
        use std::sync::atomic::Ordering;
        assert!(!self.busy.swap(true, Ordering::SeqCst), "two runs at once");
        let started_at = self.clock.now();
        self.lines.push((what, started_at));
        sleep(self.lasts).await;
        self.busy.store(false, Ordering::SeqCst);
        if self.clock.now() >= self.until {
            self.stop.request();
        }
        Past { started_at, ended_at: self.clock.now(), verdict: self.verdict }
    }

    fn starts(&self, what: &str) -> Vec<i64> {
        let begin = self.lines.first().map_or(self.until, |line| line.1);
        let found = self.lines.iter().filter(|line| line.0 == what);
        found.map(|line| (line.1 - begin).num_minutes()).collect()
    }
}

#[async_trait]
impl Work for Diary {
    async fn sync(&mut self) -> Past {
        self.work("sync").await
    }

    async fn is_asked(&mut self) -> Result<bool> {
        Ok(self.asked.first().is_some_and(|at| *at <= self.clock.now()))
    }

    async fn answer(&mut self) -> Past {
        if self.verdict == Verdict::Fine {
            self.asked.remove(0);
        }
        self.work("answer").await
    }

    async fn chore(&mut self) -> Result<Chore> {
        if self.chores == 0 {
            return Ok(Chore::Nothing);
        }
        self.chores -= 1;
        if self.chores == 50 {
            return Err(Error::new(Kind::Remote, "the vendor is down"));
        }
        self.work("chore").await;
        Ok(Chore::Worked)
    }
}

fn scene(settings: &ScheduleSettings, days: i64, last: Option<RunRecord>) -> (Service, Diary) {
    let begin = parse_timestamp("2026-11-01T00:00:00Z").expect("a time");
    let clock: Arc<dyn Clock> = Arc::new(TokioClock(begin, Instant::now()));
    let schedule = Schedule::parse(settings, "test").expect("a schedule");
    let timetable = Timetable::resume(schedule, last.as_ref(), begin);
    let stop = Stop::new();
    let service = Service::new(timetable, clock.clone(), stop.clone(), Arc::new(Notify::new()));
    let diary = Diary {
        clock,
        stop,
        until: begin + TimeDelta::days(days),
        lasts: Duration::from_secs(600),
        verdict: Verdict::Fine,
        asked: Vec::new(),
        chores: 0,
        lines: Vec::new(),
        busy: Arc::default(),
    };
    (service, diary)
}

fn every(hours: u64) -> ScheduleSettings {
    ScheduleSettings {
        every: Period::hours(hours),
        jitter: Period::seconds(0),
        ..ScheduleSettings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn weeks_pass_with_a_sync_every_six_hours() {
    let (mut service, mut diary) = scene(&every(6), 28, None);
    service.work(&mut diary).await;
    let expected: Vec<i64> = (0..=28 * 4).map(|run| run * 360).collect();
    assert_eq!(diary.starts("sync"), expected);
}

#[tokio::test(start_paused = true)]
async fn a_daily_sync_stays_at_its_hour_when_the_clocks_change() {
    let new_york = ScheduleSettings {
        cron: "0 6 * * *".to_owned(),
        timezone: "America/New_York".to_owned(),
        ..every(1)
    };
    // New York leaves summer time on 2026-11-01, at 06:00 UTC.
    let (mut service, mut diary) = scene(&new_york, 3, None);
    service.work(&mut diary).await;
    let hours: Vec<String> = diary.lines.iter().map(|line| line.1.format("%d %H").to_string()).collect();
    assert_eq!(hours, ["01 00", "01 11", "02 11", "03 11", "04 11"]);
}

#[tokio::test(start_paused = true)]
async fn a_sync_longer_than_the_interval_is_followed_by_the_next_and_never_overlapped() {
    let (mut service, mut diary) = scene(&every(1), 1, None);
    diary.lasts = Duration::from_secs(90 * 60);
    service.work(&mut diary).await;
    assert_eq!(diary.starts("sync"), (0..16).map(|run| run * 90).collect::<Vec<i64>>());
}

#[tokio::test(start_paused = true)]
async fn after_downtime_one_sync_catches_up_for_all_that_were_missed() {
    let last = RunRecord {
        id: RunId::new("a"),
        kind: "sync".to_owned(),
        outcome: "done".to_owned(),
        started_at: parse_timestamp("2026-10-20T00:00:00Z").expect("a time"),
        ended_at: None,
        report: String::new(),
    };
    let (mut service, mut diary) = scene(&every(24), 3, Some(last));
    service.work(&mut diary).await;
    assert_eq!(diary.starts("sync"), [0, 1440, 2880, 4320]);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_is_fetched_soon_and_chores_fill_the_rest() {
    let (mut service, mut diary) = scene(&every(24), 2, None);
    diary.asked = vec![diary.until - TimeDelta::hours(30)];
    diary.chores = 200;
    service.work(&mut diary).await;
    assert_eq!(diary.starts("sync"), [0, 1440, 2880], "chores put no sync off by more than a chore");
    assert_eq!(diary.starts("answer"), [18 * 60], "asked for in the eighteenth hour");
    assert_eq!(diary.starts("chore").len(), 199, "one failed, the others went on");
}

#[tokio::test(start_paused = true)]
async fn what_fails_in_between_is_not_tried_again_at_once() {
    let (mut service, mut diary) = scene(&every(24), 1, None);
    diary.lasts = Duration::ZERO;
    diary.verdict = Verdict::Refused;
    diary.asked = vec![diary.clock.now()];
    service.work(&mut diary).await;
    let answers = diary.starts("answer").len();
    assert!((1000..=1440).contains(&answers), "{answers} in a day");
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_the_wait_at_once() {
    let (mut service, mut diary) = scene(&every(24), 30, None);
    let stop = service.stop.clone();
    let begun = Instant::now();
    tokio::spawn(async move {
        sleep(Duration::from_secs(7000)).await;
        stop.request();
    });
    service.work(&mut diary).await;
    assert_eq!(begun.elapsed().as_secs(), 7000);
    assert_eq!(diary.starts("sync"), [0]);
}

#[tokio::test(start_paused = true)]
async fn a_notice_wakes_the_service() {
    let (mut service, mut diary) = scene(&every(24), 1, None);
    let wake = service.wake.clone();
    let at = diary.clock.now() + TimeDelta::seconds(5000);
    diary.asked = vec![at];
    tokio::spawn(async move {
        sleep(Duration::from_millis(5_000_001)).await;
        wake.notify_one();
    });
    service.work(&mut diary).await;
    let answered = diary.lines.iter().find(|line| line.0 == "answer").expect("an answer").1;
    assert_eq!((answered - at).num_seconds(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_close_together_is_fetched_together() {
    let (mut service, mut diary) = scene(&every(24), 1, None);
    diary.lasts = Duration::from_millis(10);
    let first = diary.clock.now() + TimeDelta::hours(1);
    // The work answers one at a time: each further one waits its turn.
    diary.asked = (0..5).map(|second| first + TimeDelta::seconds(second)).collect();
    service.work(&mut diary).await;
    let answers: Vec<i64> = diary
        .lines
        .iter()
        .filter(|line| line.0 == "answer")
        .map(|line| (line.1 - first).num_seconds())
        .collect();
    assert_eq!(answers.len(), 5);
    assert!(answers.windows(2).all(|pair| pair[1] - pair[0] >= 5), "{answers:?}");
}
