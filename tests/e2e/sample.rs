//! `clarion sample`: what a page shows, and that nothing of it is kept.

use chrono::NaiveDate;
use serde_json::Value;

use crate::harness::{DECLARED, Layout, Ran, Workspace, files, nth_details_request, simulate, small};

fn names(columns: &Value) -> Vec<&str> {
    columns.as_array().unwrap().iter().map(|column| column["name"].as_str().unwrap()).collect()
}

fn says(ran: &Ran, text: &str) -> bool {
    ran.stdout.contains(text) || ran.stderr.contains(text)
}

/// A workspace with these streams of its own.
fn with_streams(url: &str, streams: &str) -> Workspace {
    Workspace::new(url, Layout { declared: true, more: streams.to_owned(), ..Layout::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_stream_can_be_sampled_and_nothing_is_stored_but_the_requests() {
    let simulator = simulate(small(40)).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    for stream in ["calls", "call_details", "users"].into_iter().chain(DECLARED) {
        let before = control.count();
        let ran = workspace.run(&["sample", stream, "--limit", "3"]).expect(0);
        let shown = &ran.json;
        assert_eq!(shown["available"], true, "{stream}: {shown}");
        let records = shown["records"].as_array().unwrap();
        assert!(!records.is_empty() && records.len() <= 3, "{stream}: {shown}");
        assert!(records.iter().all(Value::is_object), "{stream}: {shown}");
        assert!(!names(&shown["columns"][stream]).is_empty(), "{stream}: {shown}");
        assert!(control.count() - before <= 2, "{stream} took {} requests", control.count() - before);
    }
    assert!(
        names(&workspace.run(&["sample", "scorecards"]).expect(0).json["columns"]["scorecards"])
            .contains(&"total_score")
    );
    assert!(!workspace.lake().exists() && !workspace.journal().exists());
    let status = workspace.run(&["status"]).expect(0);
    assert_eq!(status.json["quota"]["used"], control.count());
    assert_eq!(status.json["quota"]["by_purpose"]["on_demand"], control.count());
    let streams = workspace.run(&["streams"]).expect(0);
    assert!(streams.json.as_array().unwrap().iter().all(|stream| stream["rows"] == 0), "{}", streams.stdout);
    assert!(files(&workspace.lake()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_is_the_one_named_or_the_first_that_is_there() {
    let simulator = simulate(small(40)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    let deals = simulator.control().collection("opportunities");
    let last = deals.last().unwrap()["crm_id"].as_str().unwrap().to_owned();
    let ran = workspace.run(&["sample", "crm_deals", "--parent", &last]).expect(0);
    assert_eq!(ran.json["records"][0]["crm_id"], last.as_str());
    let missing = workspace.run(&["sample", "crm_deals", "--parent", "nobody"]).expect(0);
    assert_eq!(missing.json["available"], false);
    workspace.sync();
    let before = simulator.control().count();
    workspace.run(&["sample", "call_details"]).expect(0);
    assert_eq!(simulator.control().count() - before, 1, "the state store knows a call");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_is_taken_beside_a_sync_and_shows_what_rules_let_through() {
    let simulator = simulate(small(60)).await;
    let rules = "[streams.teams.columns]\nmanager_id = \"exclude\"\n";
    let workspace = with_streams(&simulator.url(), rules);
    let details = nth_details_request(&simulator.control(), 1);
    let sync = workspace.spawn(&[], &["sync"]);
    details.recv().unwrap();
    let ran = workspace.run(&["sample", "teams"]).expect(0);
    assert!(!says(&ran, "manager_id") && says(&ran, "user_ids"), "{}", ran.stdout);
    sync.wait().expect(0);
    assert_eq!(workspace.run(&["status"]).expect(0).json["quota"]["used"], simulator.control().count());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_shows_nothing_of_a_purged_call() {
    let simulator = simulate(small(40)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    workspace.sync();
    let playlist = simulator.control().collection("playlists")[0].clone();
    let call = playlist["call_ids"][0].as_str().unwrap().to_owned();
    workspace.run(&["purge", "--call", &call]).expect(0);
    let parent = playlist["id"].as_str().unwrap();
    for arguments in [
        &["sample", "calls", "--limit", "100"][..],
        &["sample", "playlists"],
        &["sample", "playlist_calls", "--parent", parent, "--limit", "100"],
    ] {
        let ran = workspace.run(arguments).expect(0);
        assert!(!ran.stdout.contains(&call), "{arguments:?} {}", ran.stdout);
        assert!(ran.json["count"].as_u64().unwrap() > 0, "{arguments:?} {}", ran.stdout);
    }
    // The request names the id that was asked for; the answer is shown no more.
    let details = workspace.run(&["sample", "call_details", "--parent", &call]).expect(0);
    assert_eq!(details.json["count"], 0, "{}", details.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_path_is_a_failure_that_suggests_the_right_one() {
    let simulator = simulate(small(20)).await;
    let streams = "[[streams.custom]]\nname = \"people\"\npath = \"/calls\"\nrecords = \"$.users[*]\"\n";
    let workspace = with_streams(&simulator.url(), streams);
    let ran = workspace.run(&["sample", "people", "--suggest"]).expect(1);
    assert!(ran.json["problem"].as_str().unwrap().contains("$.users[*]"), "{}", ran.stdout);
    let suggested = &ran.json["suggestions"];
    assert_eq!(suggested["records"][0]["path"], "$.calls[*]", "{suggested}");
    assert!(
        suggested["records"].as_array().unwrap().iter().any(|found| found["path"] == "$.calls[*].users[*]")
    );
    assert_eq!(suggested["metadata"][0]["path"], "$.pagination", "{suggested}");

    // Said as suggested it works; the metadata comes with each record.
    let right =
        streams.replace("$.users[*]", "$.calls[*]") + "metadata = \"$.pagination\"\npaging = \"skip\"\n";
    let workspace = with_streams(&simulator.url(), &right);
    let ran = workspace.run(&["sample", "people", "--limit", "2"]).expect(0);
    assert_eq!(ran.json["records"].as_array().unwrap().len(), 2);
    assert!(ran.json["records"][1]["_metadata"]["matched"].is_number(), "{}", ran.stdout);
    let plain = workspace.run_plain(&["sample", "people", "--suggest"]).expect(0);
    for text in ["GET /calls?skip=0&limit=5", "$.calls[*]", "$.pagination", "_metadata"] {
        assert!(says(&plain, text), "{text}\n{}", plain.stdout);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn macros_are_filled_and_absent_endpoints_and_unknown_streams_are_told_apart() {
    let simulator = simulate(small(20)).await;
    let streams = "[streams.teams]\npath = \"/squads\"\n[[streams.custom]]\nname = \"figures\"\n\
         path = \"/stats/aggregate\"\nrecords = \"$.aggregate\"\nkey = \"total_calls\"\n\
         params = { from = \"{now-30}\", to = \"{now}\" }\n";
    let workspace = with_streams(&simulator.url(), streams);
    let ran = workspace.run(&["sample", "figures"]).expect(0);
    assert_eq!(ran.json["count"], 1);
    let requests = simulator.control().requests();
    let asked = requests.last().unwrap();
    let day = |name: &str| asked.param(name).unwrap().parse::<NaiveDate>().unwrap();
    assert_eq!((day("to") - day("from")).num_days(), 30, "{asked:?}");

    let absent = workspace.run(&["sample", "teams"]).expect(0);
    assert_eq!(absent.json["available"], false);
    let unknown = workspace.run(&["sample", "dreams"]).expect(2);
    assert!(says(&unknown, "figures") && says(&unknown, "topics_v2"), "{}", unknown.stdout);
}
