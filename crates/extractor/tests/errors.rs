//! The error table: what each answer leads to, and how many requests it costs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use clarion_core::{Fetched, Kind, Purpose, RecordKey, Retry, Source};
use clarion_extractor::{Answer, Ask, Fault, Transport};

use crate::support::{Call, Rig, Vendor, by_time, read};

/// Gives scripted answers, the last one for ever.
struct Script {
    answers: Vec<Answer>,
    asked: AtomicUsize,
}

#[async_trait]
impl Transport for Script {
    async fn get(&self, _ask: &Ask) -> Result<Answer, Fault> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.get(number).or(self.answers.last()).unwrap().clone();
        match answer.status {
            0 => Err(Fault { what: "the connection broke", source: None }),
            _ => Ok(answer),
        }
    }
}

fn script(answers: &[(u16, &'static str)]) -> (Rig, Arc<Script>) {
    let answers = answers.iter().map(|(status, body)| answer(*status, body)).collect();
    let script = Arc::new(Script { answers, asked: AtomicUsize::new(0) });
    (Rig::new(script.clone(), 0.0), script)
}

fn answer(status: u16, body: &'static str) -> Answer {
    Answer { status, retry_after: None, body: body.into() }
}

const GOOD: &str = r#"{"call":{"id":"a","status":"PROCESSED"}}"#;

fn key() -> RecordKey {
    RecordKey::parse("a").unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_then_reported_as_lasting() {
    let passing = [
        (500, ""),
        (503, "<html>"),
        (502, ""),
        (504, ""),
        (0, ""),
        (200, "<html>"),
        (200, "{\"call\":{\"id\""),
    ];
    for (status, body) in passing {
        let (rig, script) = script(&[(status, body), (status, body), (200, GOOD)]);
        assert!(matches!(rig.source.details(&key(), Purpose::Ready).await.unwrap(), Fetched::Record(_)));
        assert_eq!(script.asked.load(Ordering::SeqCst), 3, "{status}");
        assert_eq!(rig.source.usage().retried, 2);
    }
    for (status, body) in passing {
        let (rig, script) = script(&[(status, body)]);
        let error = rig.source.details(&key(), Purpose::Ready).await.unwrap_err();
        assert_eq!((error.kind(), error.retry_class()), (Kind::Remote, Retry::Persistent), "{status}");
        assert_eq!(script.asked.load(Ordering::SeqCst), 5, "{status}");
        assert!(error.to_string().contains("GET /call-details"), "{error}");
        assert!(!error.to_string().contains("html"), "no body in errors: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_final_is_asked_once() {
    let table = [
        (400, "", Kind::Refused),
        (401, "", Kind::Credentials),
        (403, "", Kind::Credentials),
        (302, "", Kind::Protocol),
        (418, "", Kind::Protocol),
        (200, "{}", Kind::Protocol),
        (200, r#"{"call":{"id":"b"}}"#, Kind::Protocol),
        (200, r#"{"call":{"name":"no id"}}"#, Kind::Protocol),
    ];
    for (status, body, kind) in table {
        let (rig, script) = script(&[(status, body)]);
        let error = rig.source.details(&key(), Purpose::Ready).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{status} {body}");
        assert_eq!(script.asked.load(Ordering::SeqCst), 1, "{status} {body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_parameter_is_named() {
    let (rig, _) = script(&[(400, "")]);
    let error = rig.list(by_time(), 0).await.0.unwrap_err();
    assert!(error.to_string().contains("filterTimeGt=2019-12-31T23:59:59.999Z"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_call_is_missing_and_a_missing_endpoint_an_error() {
    let (rig, _) = script(&[(404, "{}")]);
    assert_eq!(rig.source.details(&key(), Purpose::Ready).await.unwrap(), Fetched::Missing);
    let error = read(&rig.source, "users").await.unwrap_err();
    assert_eq!((error.kind(), error.retry_class()), (Kind::Remote, Retry::Permanent));
}

#[tokio::test(start_paused = true)]
async fn refused_credentials_stop_everything_that_has_not_left() {
    let (rig, script) = script(&[(401, "")]);
    let source = rig.source.clone();
    let error = source.check().await.unwrap_err();
    assert_eq!(error.way_out(), Some("check CLARI_API_KEY and CLARI_API_PASSWORD"));
    for _ in 0..3 {
        let error = source.details(&key(), Purpose::Ready).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Credentials);
    }
    assert_eq!(script.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn users_come_with_their_bytes() {
    let (rig, _) = script(&[(200, "{\"users\":[{\"id\":\"u1\",\n\"n\":1.50},{\"id\":2}]}")]);
    let users = read(&rig.source, "users").await.unwrap();
    assert_eq!(users[0].data, "{\"id\":\"u1\", \"n\":1.50}");
    assert_eq!(users[1].key.as_str(), "2");
}

#[tokio::test(start_paused = true)]
async fn every_send_is_in_the_usage_and_in_the_ledger() {
    let vendor = Vendor::of((0..250).map(|n| Call::at(format!("c{n:03}"), n * 1000)).collect());
    vendor.world().failures = vec![500, 503];
    let rig = Rig::new(vendor.clone(), 0.0);
    rig.list(by_time(), 0).await.0.unwrap();
    let usage = rig.source.usage();
    assert_eq!(usage.total, vendor.count() as u64);
    assert_eq!(
        (usage.by_stream["calls"], usage.by_purpose["forward"], usage.retried),
        (usage.total, usage.total, 2)
    );
    let reserved = rig.ledger.0.lock().unwrap().reserved;
    assert!(reserved >= usage.total, "what is out is reserved before");
    rig.source.settle().await.unwrap();
    rig.source.settle().await.unwrap();
    let books = rig.ledger.0.lock().unwrap();
    assert_eq!((books.reserved, books.total_spent()), (0, usage.total));
}
