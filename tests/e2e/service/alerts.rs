//! `[[alerts]]`: who is told what, once.

use clarion_simulator::Edit;
use serde_json::json;

use super::process::Service;
use super::receiver::AlertReceiver;
use super::scene;
use crate::harness::{Workspace, small};

fn alert(receiver: &AlertReceiver, format: &str) -> String {
    format!("[[alerts]]\nurl = \"{}\"\nformat = \"{format}\"\n", receiver.url)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_column_is_told_in_both_formats_and_a_refused_alert_is_sent_again() {
    let (json, slack) = (AlertReceiver::answering(vec![500]), AlertReceiver::answering(Vec::new()));
    let more = format!(
        "[schedule]\nevery = \"1s\"\n{}{}[streams.calls]\nrelist = \"500d\"\n",
        alert(&json, "json"),
        alert(&slack, "slack")
    );
    let (simulator, workspace) = scene(small(10), &more).await;
    let service = Service::start(&workspace, &[]);
    assert_eq!(service.next_run().1, "done");
    let name = "deal_mood".to_owned();
    assert!(simulator.control().edit(Edit::AddField { name, value: json!("good") }));
    let told = json.next();
    assert_eq!((&told["kind"], &told["outcome"]), (&json!("schema_changed"), &json!("done")));
    assert!(told["message"].as_str().unwrap().contains("deal_mood"), "{told}");
    assert!(told["run_id"].is_string() && told["time"].is_string(), "{told}");
    assert_eq!(json.next(), told, "refused once, sent again");
    let told = slack.next();
    assert!(told["text"].as_str().unwrap().contains("deal_mood"), "{told}");
    assert_eq!(told.as_object().unwrap().len(), 1);
    assert_eq!(service.stop(), 0);
    let shown = workspace.run_plain(&["config", "show"]).expect(0);
    assert!(shown.stdout.contains("alerts[0].url") && !shown.stdout.contains("s3cret"), "{}", shown.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_told_once_with_its_end() {
    let receiver = AlertReceiver::answering(Vec::new());
    let more = format!("[schedule]\nevery = \"1s\"\n{}", alert(&receiver, "json"));
    let (_simulator, workspace) = scene(small(30), &more).await;
    workspace.write_config(&workspace.config().replace("weekly_requests = 0", "weekly_requests = 15"));
    let service = Service::start(&workspace, &[]);
    for _ in 0..3 {
        assert_eq!(service.next_run().1, "paused");
    }
    assert_eq!(service.metric("clarion_quota_left"), Some(0.0));
    assert_eq!(service.get("/readyz").status, 200, "it resumes by itself");
    let fresh = service.metric("clarion_last_success_timestamp_seconds{stream=\"calls\"}");
    assert!(fresh > Some(0.0), "what is new was listed and only history waits: {fresh:?}");
    assert_eq!(service.stop(), 0);
    let told = receiver.next();
    assert_eq!((&told["kind"], &told["outcome"]), (&json!("paused"), &json!("paused")));
    assert!(told["resumes_at"].is_string(), "{told}");
    assert_eq!(receiver.rest(), Vec::<serde_json::Value>::new());
}

/// How often a service tells that three runs failed of the same.
async fn told_of_failures(failpoints: &str) -> usize {
    let receiver = AlertReceiver::answering(Vec::new());
    let more = format!("[schedule]\nevery = \"1s\"\n{}", alert(&receiver, "json"));
    let (_simulator, workspace) = scene(small(5), &more).await;
    let wrong = [("CLARI_API_KEY", "wrong"), ("FAILPOINTS", failpoints)];
    let service = Service::start(&workspace, &wrong);
    for _ in 0..3 {
        assert_eq!(service.next_run().1, "failed");
    }
    assert_eq!(service.stop(), 0);
    let told = receiver.rest();
    assert!(told.iter().all(|told| told["kind"] == "failed"), "{told:?}");
    let message = told[0]["message"].as_str().unwrap();
    assert!(message.contains("credentials") && message.contains("CLARI_API_KEY"), "{message}");
    told.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trouble_that_lasts_is_told_once() {
    assert_eq!(told_of_failures("").await, 1);
    assert!(told_of_failures("alerts.repeat=return").await > 1, "the defect is not seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_data_is_told_and_an_address_that_is_down_holds_nothing_up() {
    let receiver = AlertReceiver::answering(Vec::new());
    let more = format!(
        "[schedule]\nevery = \"1s\"\n[[alerts]]\nurl = \"http://127.0.0.1:9/none\"\n{}\
         on = [\"stale\"]\nstale_after = \"3s\"\n",
        alert(&receiver, "json")
    );
    let (simulator, workspace): (_, Workspace) = scene(small(5), &more).await;
    let service = Service::start(&workspace, &[]);
    assert_eq!(service.next_run().1, "done");
    simulator.stop().await;
    assert_eq!(service.next_run().1, "failed");
    let told = receiver.next();
    assert_eq!(told["kind"], "stale", "{told}");
    assert_eq!(service.stop(), 0);
    assert!(receiver.rest().is_empty());
}
