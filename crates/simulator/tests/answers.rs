//! Every answer against the contract's schema, for real and for generated data.

use clarion_simulator::Options;
use serde_json::Value;

use crate::client::{Bench, small};
use crate::schema::{Contract, shared};

/// Endpoints without parameters and their schemas.
const LISTS: [(&str, &str); 7] = [
    ("/users", "UsersResponse"),
    ("/topics", "TopicsResponse"),
    ("/v2/topics", "V2TopicsResponse"),
    ("/scorecard?limit=100", "ScorecardsResponse"),
    ("/scorecard-template", "ScorecardTemplateResponse"),
    ("/calls", "CallsResponse"),
    ("/calls?limit=1&includePagination=false&includeAudio=true&includeVideo=true", "CallsResponse"),
];

const OUTSIDE_THE_CONTRACT: [(&str, &str); 6] = [
    ("/teams", "teams"),
    ("/playlists", "playlists"),
    ("/accounts", "accounts"),
    ("/opportunities", "opportunities"),
    ("/stats?from=2024-01-01&to=2026-12-31", "stats"),
    ("/stats/aggregate?from=2024-01-01&to=2026-12-31", "aggregate"),
];

#[tokio::test]
async fn answers_over_generated_data_follow_the_contract() {
    let Some(contract) = Contract::load() else { return };
    let bench = Bench::start(small()).await;
    follow(&bench, &contract).await;
}

#[tokio::test]
async fn answers_over_real_data_follow_the_contract() {
    let (Some(contract), Some(data)) = (Contract::load(), shared("data")) else {
        return;
    };
    let bench = Bench::start(Options { data: Some(data), ..small() }).await;
    assert_eq!(bench.control.call_ids().len(), 401);
    assert_eq!(bench.control.private_ids().len(), 25);
    follow(&bench, &contract).await;
}

#[tokio::test]
async fn real_calls_come_over_the_wire_field_by_field_as_in_the_file() {
    let Some(data) = shared("data") else { return };
    let file = std::fs::File::open(data.join("calls.jsonl.gz")).unwrap();
    let text = std::io::read_to_string(flate2::read::GzDecoder::new(file)).unwrap();
    let source: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let bench = Bench::start(Options { data: Some(data), ..small() }).await;
    for call in &source {
        let id = call["id"].as_str().unwrap();
        let target = format!("/call-details?id={id}&includeAudio=true&includeVideo=true");
        assert_eq!(bench.json(&target).await["call"], *call);
    }
    let mut truth = bench.control.truth();
    assert_eq!(truth.len(), source.len());
    let mut first = source[0].clone();
    for media in ["audio_url", "video_url"] {
        first.as_object_mut().unwrap().remove(media);
    }
    assert_eq!(truth.swap_remove(0), first);
}

#[tokio::test]
async fn endpoints_outside_the_contract_answer_under_their_keys() {
    let bench = Bench::start(small()).await;
    for (target, key) in OUTSIDE_THE_CONTRACT {
        let answer = bench.json(target).await;
        let full = answer[key].as_array().is_none_or(|records| !records.is_empty());
        assert!(answer.get(key).is_some() && full, "{target}: {answer}");
    }
    let calls = bench.json("/playlists/playlist-0/calls?limit=2").await;
    assert_eq!(calls["calls"].as_array().unwrap().len(), 2);
    assert_eq!(calls["pagination"]["matched"], 3);
    assert_eq!(bench.get("/playlists/nobody/calls").await.status, 404);
}

#[tokio::test]
async fn a_list_record_is_the_details_without_what_only_details_show() {
    let bench = Bench::start(small()).await;
    let page = bench.json("/calls?limit=100&includePrivate=true").await;
    for listed in page["calls"].as_array().unwrap() {
        let mut details = bench.control.truth_of(listed["id"].as_str().unwrap()).unwrap();
        for name in ["transcript", "summary", "competitor_sentiments", "deal_stage_live"] {
            details.as_object_mut().unwrap().remove(name);
        }
        assert_eq!(details, *listed);
    }
}

#[tokio::test]
async fn media_addresses_come_only_when_asked_for() {
    let bench = Bench::start(small()).await;
    let id = bench.ids("/calls?filterStatus=POST_PROCESSING_DONE&limit=1").await.remove(0);
    for (flags, audio, video) in
        [("", false, false), ("&includeAudio=true", true, false), ("&includeVideo=true", false, true)]
    {
        let call = &bench.json(&format!("/call-details?id={id}{flags}")).await["call"];
        assert_eq!((call.get("audio_url").is_some(), call.get("video_url").is_some()), (audio, video));
    }
}

async fn follow(bench: &Bench, contract: &Contract) {
    for (target, schema) in LISTS {
        let answer = bench.json(target).await;
        let filled =
            answer.as_object().unwrap().values().any(|list| list.as_array().is_some_and(|l| !l.is_empty()));
        assert!(filled, "{target} shows nothing");
        contract.check(schema, &answer);
    }
    let mut skip = 0;
    loop {
        let page = bench.json(&format!("/calls?limit=100&skip={skip}&includePrivate=true")).await;
        contract.check("CallsResponse", &page);
        for call in page["calls"].as_array().unwrap() {
            follow_call(bench, contract, call).await;
        }
        match page["pagination"]["nextPageSkip"].as_u64() {
            Some(next) => skip = next,
            None => break,
        }
    }
    assert_eq!(bench.get("/get-contact?id=nobody").await.status, 404);
}

async fn follow_call(bench: &Bench, contract: &Contract, call: &Value) {
    let id = call["id"].as_str().unwrap();
    let target = format!("/call-details?id={id}&includeAudio=true&includeVideo=true");
    contract.check("CallDetailsResponse", &bench.json(&target).await);
    let crm = &call["crm_info"];
    let contact = &crm["contact_ids"][0];
    for (endpoint, id, schema) in [
        ("/get-account", &crm["account_id"], "Account"),
        ("/get-deal", &crm["deal_id"], "Deal"),
        ("/get-contact", contact, "Contact"),
    ] {
        if let Some(id) = id.as_str() {
            let record = bench.json(&format!("{endpoint}?id={id}")).await;
            contract.check(schema, &record);
            assert_eq!(record["crm_id"], id);
        }
    }
}
