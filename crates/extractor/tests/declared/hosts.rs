//! Hosts that are not the vendor's never hear what is meant for it.

use std::sync::Arc;

use clarion_core::{
    Bindings, Declaration, Kind, Paging, ReadEnd, Result, Silent, Source, SourceRecord, SystemClock,
};
use clarion_extractor::{ClariSource, Credentials, SourceSettings};

use super::{keys, list, numbers, people};
use crate::support::{Host, MemoryLedger, read_declared};

const SECRETS: [&str; 4] = ["the-key", "the-password", "x-api-", "team-secret"];

struct Scene {
    vendor: Host,
    stranger: Host,
    source: ClariSource,
    ledger: Arc<MemoryLedger>,
}

fn answer(body: String) -> (u16, String, String) {
    (200, String::new(), body)
}

/// `at_vendor` and `at_stranger` make the answer from the stranger's address.
async fn scene(
    at_vendor: impl Fn(&str) -> (u16, String, String) + Send + 'static,
    at_stranger: impl Fn(&str) -> (u16, String, String) + Send + 'static,
) -> Scene {
    let stranger = Host::start(at_stranger).await;
    let address = stranger.url.clone();
    let vendor = Host::start(move |_| at_vendor(&address)).await;
    let settings = SourceSettings {
        base_url: vendor.url.clone(),
        requests_per_second: 0.0,
        headers: [("X-Team".to_owned(), "team-secret".to_owned())].into(),
        ..SourceSettings::default()
    };
    let ledger = Arc::new(MemoryLedger::default());
    let credentials = Credentials::new("the-key", "the-password");
    let source =
        ClariSource::new(settings, credentials, ledger.clone(), Arc::new(SystemClock), Arc::new(Silent))
            .unwrap();
    Scene { vendor, stranger, source, ledger }
}

impl Scene {
    async fn read(&self, stream: &Declaration) -> Result<(ReadEnd, Vec<SourceRecord>)> {
        let read = read_declared(&self.source, stream, &Bindings::default()).await;
        self.source.settle().await.unwrap();
        read
    }

    fn at_stranger(&self, path: &str) -> Declaration {
        let url = format!("{}{path}", self.stranger.url);
        Declaration { path: String::new(), url, ..people() }
    }

    #[track_caller]
    fn assert_stranger_heard_no_secret(&self, requests: usize) {
        let heard = self.stranger.heard();
        assert_eq!(heard.len(), requests);
        for request in heard {
            assert!(SECRETS.iter().all(|secret| !request.contains(secret)), "{request}");
        }
    }
}

#[tokio::test]
async fn another_host_gets_its_own_headers_and_nothing_else_and_is_not_booked() {
    // Reads the environment: another test runs this one with a defect.
    crate::support::read_defects();
    let scene = scene(|_| answer(String::new()), |_| answer(format!(r#"{{"people":{}}}"#, list(0..3)))).await;
    let headers = [("X-Own".to_owned(), "own-token".to_owned())].into();
    let stream = Declaration { headers, ..scene.at_stranger("/people?of=us") };
    let (end, records) = scene.read(&stream).await.unwrap();
    assert_eq!((end, keys(&records)), (ReadEnd::Complete, numbers(0..3)));
    scene.assert_stranger_heard_no_secret(1);
    let request = &scene.stranger.heard()[0];
    assert!(request.contains("x-own: own-token") && request.starts_with("get /people?of=us "), "{request}");
    assert_eq!(scene.source.usage().total, 0);
    assert_eq!(scene.ledger.0.lock().unwrap().grants, 0, "the vendor's quota is not touched");
    assert!(scene.vendor.heard().is_empty());
}

#[tokio::test]
async fn the_vendors_own_address_is_the_vendor_also_when_it_is_written_out() {
    let scene = scene(|_| answer(format!(r#"{{"people":{}}}"#, list(0..1))), |_| answer(String::new())).await;
    let url = format!("{}/people", scene.vendor.url);
    scene.read(&Declaration { path: String::new(), url, ..people() }).await.unwrap();
    let request = &scene.vendor.heard()[0];
    assert!(request.contains("x-api-key: the-key") && request.contains("x-team: team-secret"), "{request}");
    assert_eq!(scene.ledger.0.lock().unwrap().total_spent(), 1);
}

/// One host, another port: as foreign as any other.
#[tokio::test]
async fn a_link_to_another_host_takes_no_credentials_along() {
    let at_vendor =
        |stranger: &str| answer(format!(r#"{{"people":{},"next":"{stranger}/more"}}"#, list(0..2)));
    let scene = scene(at_vendor, |_| answer(format!(r#"{{"people":{}}}"#, list(2..4)))).await;
    let headers = [("X-Own".to_owned(), "own-token".to_owned())].into();
    let stream =
        Declaration { paging: Paging::NextLink, next_path: "$.next".to_owned(), headers, ..people() };
    let (end, records) = scene.read(&stream).await.unwrap();
    assert_eq!((end, keys(&records)), (ReadEnd::Complete, numbers(0..4)));
    assert!(scene.vendor.heard()[0].contains("x-own: own-token"));
    scene.assert_stranger_heard_no_secret(1);
    assert!(!scene.stranger.heard()[0].contains("own-token"));
    assert_eq!(scene.source.usage().total, 1);
}

#[tokio::test]
async fn another_hosts_link_to_the_vendor_is_not_followed() {
    let at_stranger = |line: &str| {
        let vendor = line.split("back=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        answer(format!(r#"{{"people":{},"next":"{vendor}"}}"#, list(0..2)))
    };
    let scene = scene(|_| answer(format!(r#"{{"people":{}}}"#, list(2..4))), at_stranger).await;
    let stream = scene.at_stranger(&format!("/x?back={}/people", scene.vendor.url));
    let stream = Declaration { paging: Paging::NextLink, next_path: "$.next".to_owned(), ..stream };
    let error = scene.read(&stream).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    assert!(scene.vendor.heard().is_empty() && scene.source.usage().total == 0);
}

/// The defect is global to a process, so the test runs in one of its own.
#[cfg(feature = "failpoints")]
#[test]
fn credentials_that_go_everywhere_are_caught() {
    super::assert_defect_is_caught(
        "extractor.every_host_is_the_vendor",
        "declared::hosts::another_host_gets_its_own_headers_and_nothing_else_and_is_not_booked",
    );
}

#[tokio::test]
async fn a_redirect_is_never_followed() {
    let moved = |to: &str| (302, format!("location: {to}/people\r\n"), String::new());
    let scene = scene(moved, |_| (302, "location: http://127.0.0.1:1/\r\n".to_owned(), String::new())).await;
    let error = scene.read(&people()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    scene.assert_stranger_heard_no_secret(0);
    let error = scene.read(&scene.at_stranger("/x")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Protocol);
    scene.assert_stranger_heard_no_secret(1);
}

#[tokio::test]
async fn a_refusal_of_another_host_is_no_refusal_of_the_credentials() {
    let calls = r#"{"calls":[],"pagination":{"matched":0}}"#;
    let scene = scene(move |_| answer(calls.to_owned()), |_| (401, String::new(), String::new())).await;
    let error = scene.read(&scene.at_stranger("/x?token=private")).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Refused);
    assert!(!error.chain().contains("private"), "an address may hold a secret: {}", error.chain());
    scene.source.check().await.unwrap();
}
