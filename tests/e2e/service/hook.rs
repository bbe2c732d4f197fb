//! `POST /hooks/clari`.

use std::fs;

use clarion_simulator::{Control, Edit};
use serde_json::json;

use super::process::Service;
use super::wire::{Message, send};
use super::{HOURLY, SECRET, scene, synced};
use crate::harness::{Workspace, assert_truth, lake_tables, small};

fn on_demand() -> (String, String) {
    ("on_demand".to_owned(), "done".to_owned())
}

/// Calls whose details were asked for, since the log was reset.
fn fetched(control: &Control) -> Vec<String> {
    let requests = control.requests();
    requests.iter().map(|request| request.param("id").unwrap_or(&request.path).to_owned()).collect()
}

fn restart(service: Service, workspace: &Workspace) -> Service {
    assert_eq!(service.stop(), 0);
    Service::start(workspace, &[("CLARION_HOOK_SECRET", SECRET)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_brings_its_call_within_moments_and_costs_one_request() {
    let (simulator, workspace, service) = synced(12).await;
    let control = simulator.control();
    let id = control.call_ids().remove(3);
    // A summary that was edited: no listing shows it.
    let merge = json!({ "summary": { "full_summary": "as it was corrected later" } });
    assert!(control.edit(Edit::Patch { id: id.clone(), merge }));
    control.reset_log();
    assert_eq!(Message::about("m1", &id).post(&service.url), 202);
    assert_eq!(service.next_run(), on_demand());
    assert_eq!(fetched(&control), std::slice::from_ref(&id));
    let purpose = "clarion_requests_total{outcome=\"ok\",purpose=\"on_demand\",stream=\"call_details\"}";
    assert_eq!(service.metric(purpose), Some(1.0));
    assert_eq!(service.metric("clarion_hook_notices_total{outcome=\"taken\"}"), Some(1.0));

    // A repeated one is taken once, also after a restart.
    assert_eq!(Message::about("m1", &id).post(&service.url), 202);
    let service = restart(service, &workspace);
    assert_eq!(Message::about("m1", &id).post(&service.url), 202);
    let other = control.call_ids().remove(4);
    assert_eq!(Message::about("m2", &other).post(&service.url), 202);
    assert_eq!(service.next_run(), on_demand());
    assert_eq!(fetched(&control), [id, other]);
    assert_eq!(service.stop(), 0);
    assert_truth(&workspace, &control).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_genuine_or_not_a_notification_is_refused() {
    let (simulator, _workspace, service) = synced(10).await;
    let control = simulator.control();
    let call = control.call_ids().remove(0);
    control.reset_log();
    let good = Message::about("m", &call);
    let with_key = |key: &[u8]| Message { key: key.to_vec(), ..good.clone() };
    let old = |age_seconds| Message { age_seconds, ..good.clone() };
    let body = |body: String| Message { body, ..good.clone() };
    for (what, message, status) in [
        ("another key", with_key(b"another key"), 401),
        ("old", old(301), 401),
        ("of the future", old(-330), 401),
        ("oversized", body(format!("{{\"call_id\":\"{}\"}}", "x".repeat(65 * 1024))), 413),
        ("far oversized", body("x".repeat(900 * 1024)), 413),
        ("no JSON", body("call_id".to_owned()), 400),
        ("no call", body("{}".to_owned()), 400),
        ("no id", Message { id: String::new(), ..good.clone() }, 401),
    ] {
        assert_eq!(message.post(&service.url), status, "{what}");
    }
    let unsigned = send(&service.url, "POST", "/hooks/clari", &[], good.body.as_bytes());
    assert_eq!(unsigned.status, 401);
    assert_eq!(service.get("/hooks/clari").status, 405);
    assert_eq!(fetched(&control), [""; 0], "none of them cost a request");
    assert_eq!(good.post(&service.url), 202);
    assert_eq!(service.next_run(), on_demand());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_planted_defects_of_the_hook_are_seen() {
    let (simulator, workspace, service) = synced(10).await;
    let call = simulator.control().call_ids().remove(0);
    assert_eq!(service.stop(), 0);
    let good = Message::about("m", &call);
    for (defect, message) in [
        ("hook.any_signature=return", Message { key: b"another key".to_vec(), ..good.clone() }),
        ("hook.any_age=return", Message { id: "n".to_owned(), age_seconds: 600, ..good.clone() }),
    ] {
        let service = Service::start(&workspace, &[("CLARION_HOOK_SECRET", SECRET), ("FAILPOINTS", defect)]);
        assert_eq!(message.post(&service.url), 202, "{defect} is not seen");
        assert_eq!(service.stop(), 0);
    }
    // One that never settles fetches the same call in every run.
    let forgetful = [("CLARION_HOOK_SECRET", SECRET), ("FAILPOINTS", "inbox.never_settled=return")];
    let service = Service::start(&workspace, &forgetful);
    simulator.control().reset_log();
    assert_eq!(Message::about("o", &call).post(&service.url), 202);
    assert_eq!([service.next_run(), service.next_run()], [on_demand(), on_demand()]);
    assert!(fetched(&simulator.control()).len() > 1, "the defect is not seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_the_vendor_does_not_know_is_noted() {
    let (simulator, workspace, service) = synced(10).await;
    simulator.control().reset_log();
    assert_eq!(Message::about("m1", "no-such-call").post(&service.url), 202);
    assert_eq!(service.next_run(), on_demand());
    assert_eq!(fetched(&simulator.control()), ["no-such-call"]);
    let status = workspace.run(&["status"]).expect(0);
    let rejected = status.json["rejected"].to_string();
    assert!(rejected.contains("no-such-call") && rejected.contains("no such call"), "{rejected}");
}

/// A call that waits for its deletion to be confirmed is asked for by notification. Returns how many wait after that,
/// and how many are deleted once that is allowed.
async fn suspects_after_a_notification(failpoints: &str) -> (u64, u64) {
    let (simulator, workspace) =
        scene(small(20), &format!("{HOURLY}[streams.calls]\nrelist = \"500d\"\n")).await;
    let control = simulator.control();
    workspace.sync();
    let mut calls = control.truth();
    calls.sort_by_key(|call| call["time"].as_str().map(str::to_owned));
    let ids: Vec<String> = calls.iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect();
    for id in &ids[..6] {
        assert!(control.edit(Edit::Delete(id.clone())));
    }
    // A fifth goes, the newest first; the two oldest wait.
    let ran = workspace.run(&["sync"]).expect(4);
    assert_eq!(ran.number("/streams/calls/deleted"), 4);
    // From now on no listing shows that they are missing.
    workspace.write_config(&workspace.config().replace("500d", "1h"));
    let environment = [("CLARION_HOOK_SECRET", SECRET), ("FAILPOINTS", failpoints)];
    let service = Service::start(&workspace, &environment);
    assert_eq!(Message::about("m1", &ids[0]).post(&service.url), 202);
    assert_eq!(service.next_run(), on_demand());
    assert_eq!(service.stop(), 0);
    let waiting = workspace.run(&["status"]).expect(0).number("/suspects");
    let ran = workspace.run(&["sync", "--accept-deletes"]).expect(0);
    (waiting, ran.number("/streams/calls/deleted"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_about_a_suspect_leaves_it_a_suspect() {
    assert_eq!(suspects_after_a_notification("").await, (2, 2));
    let lost = suspects_after_a_notification("pipeline.suspicion_lost=return").await;
    assert_eq!(lost, (1, 1), "a deletion that is forgotten went unnoticed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_bounded_and_the_service_goes_on() {
    let (simulator, _workspace, service) = synced(10).await;
    let control = simulator.control();
    control.reset_log();
    let mut taken = 0;
    let mut refused = 0;
    for number in 0..600 {
        match Message::about(&format!("m{number}"), &format!("call-{number}")).post(&service.url) {
            202 => taken += 1,
            429 => refused += 1,
            status => panic!("status {status}"),
        }
    }
    assert!(taken >= 300 && refused > 0, "{taken} taken, {refused} refused");
    assert_eq!(service.get("/healthz").status, 200);
    assert_eq!(service.get("/readyz").status, 200);
    while control.count_of("/call-details") < taken {
        service.next_run();
    }
    assert_eq!(control.count(), taken, "each that was taken costs one request");
}

#[tokio::test(flavor = "multi_thread")]
async fn notifications_spend_at_most_a_tenth_of_the_week() {
    let (simulator, workspace) = scene(small(10), HOURLY).await;
    let control = simulator.control();
    workspace.write_config(&workspace.config().replace("weekly_requests = 0", "weekly_requests = 200"));
    let service = Service::start(&workspace, &[("CLARION_HOOK_SECRET", SECRET)]);
    assert_eq!(service.next_run().1, "done");
    control.reset_log();
    let mut taken = 0;
    for number in 0..60 {
        match Message::about(&format!("m{number}"), &format!("call-{number}")).post(&service.url) {
            202 => taken += 1,
            status => assert_eq!(status, 429),
        }
    }
    // What is in flight is neither queued nor in the books for a moment.
    assert!((20..=22).contains(&taken), "{taken} taken");
    while control.count() < taken {
        service.next_run();
    }
    assert_eq!(control.count(), taken);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_survives_a_kill() {
    let (simulator, workspace, service) = synced(10).await;
    let control = simulator.control();
    let call = control.call_ids().remove(2);
    assert_eq!(service.stop(), 0);
    control.reset_log();
    let deadly = [("CLARION_HOOK_SECRET", SECRET), ("FAILPOINTS", "inbox.queued=return")];
    let service = Service::start(&workspace, &deadly);
    assert_eq!(Message::about("m1", &call).post(&service.url), 202);
    assert_eq!(service.wait(), -1, "the fail point did not fire");
    assert_eq!(fetched(&control), [""; 0]);
    let service = Service::start(&workspace, &[("CLARION_HOOK_SECRET", SECRET)]);
    // The run that died was no sync: what is due is the notification alone.
    assert_eq!(service.next_run(), on_demand());
    assert_eq!(fetched(&control), [call]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_for_does_not_wait_for_a_long_sync() {
    let (simulator, workspace) = scene(small(700), HOURLY).await;
    let control = simulator.control();
    let mut ids = control.call_ids();
    ids.sort();
    let service_url = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let (url, asked) = (service_url.clone(), std::sync::atomic::AtomicBool::new(false));
    // Within the first batch of details somebody asks for a call that is no part of the queue.
    control.before_request(move |request, control| {
        let due = request.path == "/call-details" && control.count_of("/call-details") == 100;
        if due && !asked.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let url = url.wait().clone();
            let sent = std::thread::spawn(move || Message::about("m1", "asked-for").post(&url));
            assert_eq!(sent.join().expect("it is sent"), 202);
        }
    });
    let service = Service::start(&workspace, &[("CLARION_HOOK_SECRET", SECRET)]);
    service_url.set(service.url.clone()).expect("set once");
    assert_eq!(service.next_run().0, "sync");
    let details: Vec<String> =
        fetched(&control).into_iter().filter(|id| id == "asked-for" || ids.contains(id)).collect();
    let place = details.iter().position(|id| id == "asked-for").expect("it was fetched within the sync");
    assert!(place < 600, "it waited for {place} of {} requests", details.len());
    assert_eq!(lake_tables(&workspace.lake())["call_details"].len(), details.len() - 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_there_is_no_hook() {
    let (_simulator, workspace) = scene(small(5), HOURLY).await;
    let service = Service::start(&workspace, &[]);
    assert_eq!(Message::about("m", "c").post(&service.url), 404);
    assert_eq!(service.stop(), 0);
    fs::write(workspace.path().join("secret"), "whsec_not base64").unwrap();
    let config = workspace.config().replace("[server]", "[server]\nhook_secret_file = \"secret\"");
    workspace.write_config(&config);
    let ended = Service::try_start(&workspace, &[]).err().expect("it must not start");
    assert_eq!(ended.code, 2, "{}", ended.said);
    assert!(!ended.said.contains("not base64"), "the secret is shown: {}", ended.said);
}
