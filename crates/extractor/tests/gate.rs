//! Pace, pause and quota, on paused time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clarion_core::{Event, Kind, Purpose, RecordKey, Source};
use clarion_extractor::{Answer, Ask, Fault, SourceSettings, Transport};
use tokio::time::{Instant, sleep};

use crate::support::{Rig, time};

/// Notes when each request leaves, takes a while to answer, and refuses the numbers it is told to.
struct Paced {
    left: Mutex<Vec<Instant>>,
    takes: Duration,
    refuse: Vec<usize>,
    /// What a refusal is.
    status: u16,
    retry_after: Option<&'static str>,
}

impl Paced {
    fn new(takes_ms: u64) -> Self {
        let takes = Duration::from_millis(takes_ms);
        Self { left: Mutex::default(), takes, refuse: Vec::new(), status: 429, retry_after: None }
    }

    fn left(&self) -> Vec<Instant> {
        self.left.lock().unwrap().clone()
    }
}

#[async_trait]
impl Transport for Paced {
    async fn get(&self, ask: &Ask) -> Result<Answer, Fault> {
        let number = {
            let mut left = self.left.lock().unwrap();
            left.push(Instant::now());
            left.len()
        };
        sleep(self.takes).await;
        if self.refuse.contains(&number) {
            return Ok(Answer {
                status: self.status,
                retry_after: self.retry_after.map(str::to_owned),
                body: "".into(),
            });
        }
        let body = format!(r#"{{"call":{{"id":"{}"}}}}"#, ask.params[0].1);
        Ok(Answer { status: 200, retry_after: None, body: body.into() })
    }
}

/// Workers that ask for details until together they have made `requests`.
async fn work(rig: &Rig, workers: usize, requests: usize) {
    let mut tasks = Vec::new();
    for worker in 0..workers {
        let source = rig.source.clone();
        tasks.push(tokio::spawn(async move {
            for number in 0..requests / workers {
                let key = RecordKey::parse(format!("{worker}-{number}")).unwrap();
                source.details(&key, Purpose::Ready).await.unwrap();
            }
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// The most that left within any second.
fn densest_second(left: &[Instant]) -> usize {
    let within = |start: &Instant| {
        left.iter().filter(|at| **at >= *start && **at < *start + Duration::from_secs(1)).count()
    };
    left.iter().map(within).max().unwrap_or(0)
}

#[tokio::test(start_paused = true)]
async fn the_pace_is_kept_and_used() {
    for (rate, most) in [(9.0, 9), (2.5, 3), (1.0, 1), (50.0, 50)] {
        for takes_ms in [5, 600] {
            let wire = Arc::new(Paced::new(takes_ms));
            let rig = Rig::new(wire.clone(), rate);
            work(&rig, 8, 800).await;
            let left = wire.left();
            assert!(densest_second(&left) <= most, "{rate}/s: {} in one second", densest_second(&left));
            let seconds = (left[799] - left[0]).as_secs_f64();
            // Eight workers at 600 ms each cannot do more than 13 a second.
            let reachable = rate.min(8.0 / (takes_ms as f64 / 1000.0));
            let reached = 799.0 / seconds;
            assert!(reached >= 0.98 * reachable, "{rate}/s, {takes_ms} ms: only {reached}/s");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_at_the_same_pace() {
    let wire = Arc::new(Paced::new(1));
    let settings = SourceSettings { requests_per_second: 9.0, ..SourceSettings::default() };
    let ledger = Arc::default();
    for _ in 0..5 {
        let rig = Rig::with(wire.clone(), &settings, Arc::clone(&ledger));
        work(&rig, 4, 4).await;
    }
    assert!(densest_second(&wire.left()) <= 9, "{}", densest_second(&wire.left()));
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_all_workers_wait_and_start_again_one_by_one() {
    for (retry_after, expected) in
        [(None, 120), (Some("30"), 30), (Some("Wed, 18 Nov 2026 12:01:00 GMT"), 55)]
    {
        for rate in [9.0, 0.0] {
            let wire = Arc::new(Paced { refuse: vec![20], retry_after, ..Paced::new(50) });
            let rig = Rig::new(wire.clone(), rate);
            work(&rig, 8, 80).await;
            let left = wire.left();
            let refused = left[19] + Duration::from_millis(50);
            let during = left
                .iter()
                .filter(|at| **at > refused && **at < refused + Duration::from_secs(expected))
                .count();
            assert_eq!(during, 0, "{retry_after:?} at {rate}/s");
            if rate > 0.0 {
                assert!(densest_second(&left) <= 9, "the pause ends in a burst");
            }
            assert_eq!(rig.source.usage().rate_limited, 1);
            let events = rig.events.0.lock().unwrap();
            let waits: Vec<&Event> =
                events.iter().filter(|event| !matches!(event, Event::Requested { .. })).collect();
            assert!(
                matches!(waits[..], [Event::Waiting { millis }] if *millis >= expected * 1000),
                "{waits:?}"
            );
            let refused = |event: &&Event| matches!(event, Event::Requested { outcome: "rate_limited", .. });
            assert_eq!(events.iter().filter(refused).count(), 1);
            assert_eq!(events.len(), waits.len() + 81, "each request is told of once");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_without_end_are_an_error() {
    let wire = Arc::new(Paced { refuse: (1..100).collect(), ..Paced::new(1) });
    let rig = Rig::new(wire.clone(), 9.0);
    let error = rig.source.details(&RecordKey::parse("a").unwrap(), Purpose::Ready).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Remote);
    assert_eq!(wire.left().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_weeks_quota_ends_the_work_and_not_one_request_later() {
    let wire = Arc::new(Paced::new(1));
    let settings =
        SourceSettings { weekly_requests: 150, requests_per_second: 0.0, ..SourceSettings::default() };
    let rig = Rig::with(wire.clone(), &settings, Arc::default());
    work(&rig, 1, 150).await;
    let error = rig.source.details(&RecordKey::parse("a").unwrap(), Purpose::Ready).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Quota);
    assert_eq!(wire.left().len(), 150);
}

#[tokio::test(start_paused = true)]
async fn callers_that_give_up_lose_no_grant() {
    let wire = Arc::new(Paced::new(1000));
    let rig = Rig::new(wire.clone(), 9.0);
    for number in 0..30 {
        let key = RecordKey::parse(number.to_string()).unwrap();
        let asked = rig.source.details(&key, Purpose::Ready);
        let _ = tokio::time::timeout(Duration::from_millis(50), asked).await;
    }
    rig.source.settle().await.unwrap();
    let books = rig.ledger.0.lock().unwrap();
    assert_eq!(books.reserved, 0);
    assert!(books.total_spent() >= wire.left().len() as u64);
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_stop_the_workers_in_flight() {
    let wire = Arc::new(Paced { refuse: vec![5], status: 401, ..Paced::new(50) });
    let rig = Rig::new(wire.clone(), 9.0);
    let mut tasks = Vec::new();
    for worker in 0..8 {
        let source = rig.source.clone();
        tasks.push(tokio::spawn(async move {
            for number in 0..10 {
                let key = RecordKey::parse(format!("{worker}-{number}")).unwrap();
                source.details(&key, Purpose::Ready).await?;
            }
            clarion_core::Result::<()>::Ok(())
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap_err().kind(), Kind::Credentials);
    }
    assert_eq!(wire.left().len(), 5, "nothing leaves after the refusal");
}

#[tokio::test(start_paused = true)]
async fn a_request_is_booked_in_the_week_in_which_it_leaves() {
    let sunday = time("2026-11-22T00:00:00Z");
    for (rate, refuse) in [(9.0, vec![]), (0.0, vec![]), (9.0, vec![15])] {
        let wire = Arc::new(Paced { refuse, ..Paced::new(100) });
        let settings = SourceSettings { requests_per_second: rate, ..SourceSettings::default() };
        let (start, origin) = (Instant::now(), sunday - chrono::TimeDelta::milliseconds(2500));
        let rig = Rig::starting(origin, wire.clone(), &settings, Arc::default());
        work(&rig, 8, 400).await;
        rig.source.settle().await.unwrap();
        let late =
            wire.left().iter().filter(|at| (**at - start) >= Duration::from_millis(2500)).count() as u64;
        let books = rig.ledger.0.lock().unwrap();
        let booked: u64 =
            books.spent.iter().filter(|spent| spent.hour >= sunday).map(|spent| spent.requests).sum();
        assert!(booked >= late && booked <= late + 8, "{booked} booked, {late} left in the new week");
        assert!(books.total_spent() >= wire.left().len() as u64);
    }
}

#[tokio::test(start_paused = true)]
async fn a_halt_lets_what_was_sent_come_in_and_nothing_leave() {
    // The second one would be sent again, and all others wait for the pace.
    let wire = Arc::new(Paced { refuse: vec![2], status: 503, ..Paced::new(400) });
    let rig = Rig::new(wire.clone(), 10.0);
    let ask = |id: usize| {
        let source = rig.source.clone();
        tokio::spawn(async move {
            let key = RecordKey::parse(format!("c{id}")).unwrap();
            source.details(&key, Purpose::Ready).await
        })
    };
    let tasks: Vec<_> = (0..8).map(ask).collect();
    sleep(Duration::from_millis(250)).await;
    let sent = wire.left().len();
    assert!((2..6).contains(&sent), "{sent} sent");
    rig.source.halt();
    let mut came = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => came += 1,
            Err(error) => assert_eq!(error.kind(), Kind::Interrupted),
        }
    }
    assert_eq!(came, sent - 1, "what was sent and answered is here");
    assert_eq!(wire.left().len(), sent, "nothing left after the halt");
}
