//! Rules that change, keys that are lost, paths that are misspelled.

use serde_json::json;

use super::{Cage, KEY, KEYED};
use crate::harness::{Layout, found};

const TITLES: &str = "[streams.calls]\nrelist = \"500d\"\n\n[streams.calls.columns]\n\"title\" = \"hash\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_refused_until_it_is_accepted() {
    let cage = Cage::under(6, TITLES).await;
    let run =
        |key: &str, arguments: &[&str]| cage.workspace.run_with_env(&[("CLARION_HASH_KEY", key)], arguments);
    run(KEY, &["sync"]).expect(0);
    let hashed = cage.row("calls")["title"].clone();
    let other = KEY.to_uppercase();
    cage.simulator.control().reset_log();
    for arguments in [["sync"].as_slice(), &["sync", "--full"], &["backfill", "--from", "2020-01-01"]] {
        let refused = run(&other, arguments).expect(2);
        assert!(refused.stderr.contains("--accept-hash-key"), "{}", refused.stderr);
        assert!(!refused.stderr.contains(&other) && !refused.stderr.contains(KEY));
    }
    assert_eq!(cage.simulator.control().count(), 0, "no request was made");
    run(KEY, &["sync"]).expect(0);
    assert_eq!(cage.row("calls")["title"], hashed);
    run(&other, &["sync", "--full", "--accept-hash-key"]).expect(0);
    assert_ne!(cage.row("calls")["title"], hashed);
    run(&other, &["sync"]).expect(0);
    run(KEY, &["sync"]).expect(2);
    run("short", &["sync"]).expect(2);
    let none = cage.workspace.run(&["sync"]).expect(2);
    assert!(none.stderr.contains("openssl rand"), "{}", none.stderr);
    // What needs no hashing needs no key set right.
    assert_eq!(found(&cage.workspace, &[KEY, &other]).await, Vec::<String>::new());
}

const PLAIN: &str = "[streams.calls]\nrelist = \"500d\"\n";
const MASKED: &str = "\n[streams.calls.columns]\ntitle = \"mask\"\n[streams.call_details.columns]\n\"title\" = \"mask\"\n\
     \"transcript.text\" = \"redact\"\n";

#[tokio::test(flavor = "multi_thread")]
async fn the_planted_defect_of_changed_rules_is_found_out() {
    let cage = Cage::under(8, PLAIN).await;
    cage.workspace.sync();
    cage.workspace.write_config(&format!("{}{MASKED}", cage.workspace.config()));
    let environment = [("FAILPOINTS", "pipeline.rules_are_change=return")];
    let ran = cage.workspace.run_with_env(&environment, &["sync"]).expect(0);
    assert!(ran.number("/requests/by_purpose/changed") > 0, "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_rule_is_told_until_all_is_fetched_again_and_costs_nothing_by_itself() {
    let cage = Cage::under(8, PLAIN).await;
    let (workspace, control) = (&cage.workspace, cage.simulator.control());
    workspace.sync();
    let plain = workspace.config();
    workspace.write_config(&format!("{plain}{MASKED}"));
    control.reset_log();
    let ran = workspace.sync();
    let verified = workspace.run(&["verify"]).expect(0);
    assert!(verified.stdout.contains("waiting"), "{}", verified.stdout);
    let warned = ran.json["warnings"].to_string();
    assert!(warned.contains("column rules of calls changed") && warned.contains("sync --full"), "{warned}");
    let by_purpose = &ran.json["requests"]["by_purpose"];
    assert_eq!(by_purpose["changed"], json!(null), "no details are fetched at once: {by_purpose}");
    assert!(cage.row("calls")["title"].as_str().unwrap().contains("***"));
    let outdated = |status: &crate::harness::Ran| status.json["rules"].to_string();
    let status = workspace.run(&["status"]).expect(0);
    assert!(outdated(&status).contains("true"), "{}", outdated(&status));
    assert!(workspace.run_plain(&["status"]).expect(0).stdout.contains("journal compact"));
    assert!(!workspace.sync().json["warnings"].to_string().contains("changed"), "told once");

    workspace.run(&["sync", "--full"]).expect(0);
    let status = workspace.run(&["status"]).expect(0);
    assert!(!outdated(&status).contains("true"), "{}", outdated(&status));
    let canaries = ["canary.title@zeta.example", "4111 1111 1111 1111"];
    assert!(!found(workspace, &canaries).await.is_empty(), "the journal has the versions of before");
    workspace.run(&["journal", "compact"]).expect(0);
    assert_eq!(found(workspace, &canaries).await, Vec::<String>::new());

    // A real change is seen as ever.
    control.reset_log();
    cage.edit(json!({"title": "quite another one"}));
    assert_eq!(workspace.sync().number("/requests/by_purpose/changed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_read_whole_is_renewed_by_its_next_read() {
    let layout = Layout { declared: true, more: PLAIN.to_owned(), ..Layout::both().await };
    let cage = Cage::with(4, layout).await;
    let workspace = &cage.workspace;
    workspace.sync();
    let rules = "\n[streams.users.columns]\nemail = \"mask\"\n[streams.teams.columns]\nname = \"mask\"\n";
    workspace.write_config(&format!("{}{rules}", workspace.config()));
    workspace.sync();
    let outdated = || {
        let status = workspace.run(&["status"]).expect(0);
        let rules = status.json["rules"].as_array().unwrap().clone();
        let is_outdated =
            |stream: &str| rules.iter().find(|rules| rules["stream"] == *stream).unwrap()["outdated"] == true;
        (is_outdated("users"), is_outdated("teams"))
    };
    assert_eq!(outdated(), (false, true), "users are read in every sync, teams once a day");
    workspace.run(&["sync", "--full"]).expect(0);
    assert_eq!(outdated(), (false, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_meets_nothing_is_named() {
    let rules = "[streams.calls.columns]\n\"titel\" = \"mask\"\n\"externalParticipants.emial\" = \"exclude\"\n\"title\" = \"mask\"\n";
    let cage = Cage::under(6, rules).await;
    for _ in 0..2 {
        let warned = cage.workspace.sync().json["warnings"].to_string();
        assert!(
            warned.contains("titel") && warned.contains("emial") && !warned.contains("\\\"title\\\""),
            "{warned}"
        );
    }
    let status = cage.workspace.run(&["status"]).expect(0);
    assert_eq!(status.json["rules"][0]["never_met"], json!(["externalParticipants.emial", "titel"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_that_cannot_be_are_refused_before_any_request() {
    for (rules, named) in [
        ("[streams.calls.columns]\nid = \"hash\"", "id"),
        ("[streams.calls.columns]\ntime = \"exclude\"", "time"),
        ("[streams.users.columns]\n\"a[].b\" = \"mask\"", "a[].b"),
        ("[streams.users.columns]\na = \"blur\"", "blur"),
        ("[streams.user.columns]\na = \"mask\"", "users"),
        ("[streams.users]\ninclude = [\"name\"]\n[streams.users.columns]\nemail = \"hash\"", "include"),
        ("[privacy]\nhash_key = \"x\"", "hash_key_file"),
    ] {
        let cage = Cage::under(1, rules).await;
        let ran = cage.workspace.run_with_env(&[KEYED], &["sync"]).expect(2);
        assert!(ran.stderr.contains(named), "{rules}: {}", ran.stderr);
        assert_eq!(cage.simulator.control().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_its_transcript_is_not_asked_for_again_after_a_crash() {
    let rules = "[streams.call_details]\ninclude = [\"title\"]\n";
    let cage = Cage::under(6, rules).await;
    let killed = cage.workspace.run_with_env(&[("FAILPOINTS", "pipeline.cut=2*off->return")], &["sync"]);
    assert_eq!(killed.signal, Some(9), "{}", killed.stderr);
    cage.workspace.sync();
    let status = cage.workspace.run(&["status"]).expect(0);
    assert_eq!(status.json["queue"], json!([]), "{}", status.stdout);
    let row = cage.row("call_details");
    assert!(row["title"].is_string() && row["account_name"].is_null() && row["time"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn check_says_that_the_hash_key_is_missing_where_it_belongs() {
    let cage = Cage::under(1, "[streams.users.columns]\nemail = \"hash\"").await;
    let ran = cage.workspace.run(&["check"]).expect(2);
    let line = |what: &str| {
        let lines = ran.json.as_array().unwrap();
        lines
            .iter()
            .find(|line| line["what"] == what)
            .unwrap_or_else(|| panic!("{what}: {}", ran.json))
            .clone()
    };
    let configuration = line("configuration");
    assert_eq!(configuration["ok"], json!(false));
    assert!(configuration["hint"].as_str().unwrap().contains("CLARION_HASH_KEY"), "{configuration}");
    assert_eq!(line("credentials")["ok"], json!(true));
}
