//! Records by the CRM ids that calls name: one request a distinct id.

use std::collections::{BTreeMap, BTreeSet};

use clarion_simulator::{Control, Edit};
use serde_json::json;

use super::{NOW, Scene, asked, texts};

fn ids_asked(control: &Control) -> BTreeMap<String, u32> {
    let mut ids = BTreeMap::new();
    for request in control.requests().iter().filter(|request| request.path.starts_with("/get-")) {
        *ids.entry(request.param("id").unwrap_or_default().to_owned()).or_default() += 1;
    }
    ids
}

/// By the calls that are known: history does not reach back to all of them.
fn ids_named(scene: &Scene) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for call in scene.live("calls") {
        let info = &call["crm_info"];
        ids.extend(
            ["account_id", "deal_id"].iter().filter_map(|field| info[*field].as_str().map(str::to_owned)),
        );
        let contacts = info["contact_ids"].as_array().into_iter().flatten();
        ids.extend(contacts.filter_map(|id| id.as_str().map(str::to_owned)));
    }
    ids
}

#[tokio::test]
async fn an_id_is_asked_for_once_however_many_calls_name_it_and_again_after_its_period() {
    let scene = Scene::set(40, "").await;
    scene.sync(NOW);
    let first = ids_asked(&scene.control());
    assert!(first.values().all(|times| *times == 1), "{first:?}");
    assert_eq!(BTreeSet::from_iter(first.into_keys()), ids_named(&scene));
    scene.sync("2026-11-25T10:00:00Z");
    assert!(ids_asked(&scene.control()).is_empty());
    scene.sync("2026-12-20T10:00:00Z");
    assert_eq!(ids_asked(&scene.control()).len(), ids_named(&scene).len());
}

#[tokio::test]
async fn a_new_call_costs_only_the_ids_that_are_new() {
    let scene = Scene::set(10, "").await;
    scene.sync(NOW);
    let call = scene.control().call_ids()[0].clone();
    let merge = json!({"crm_info": {"account_id": "new-account"}});
    assert!(scene.control().edit(Edit::Patch { id: call, merge }));
    scene.at("2026-11-20T16:00:00Z", "", &["sync", "--full"]).expect(0);
    // A full sync asks for all; the one after it for none.
    assert_eq!(ids_asked(&scene.control()).get("new-account"), Some(&1));
    scene.sync("2026-11-20T22:00:00Z");
    assert!(ids_asked(&scene.control()).is_empty());
}

#[tokio::test]
async fn a_404_is_an_answer_and_what_was_there_before_is_gone() {
    let scene = Scene::set(12, "[streams.crm_accounts]\nevery = \"1d\"\n").await;
    let missing = scene.control().collection("accounts")[0].clone();
    let remove = |record: &serde_json::Value| Edit::RemoveRecord {
        collection: "accounts".to_owned(),
        id: record["id"].as_str().unwrap().to_owned(),
    };
    scene.control().edit(remove(&missing));
    scene.sync(NOW);
    let there = texts(&scene.live("crm_accounts"), "crm_id");
    assert!(!there.contains(&missing["crm_id"].as_str().unwrap().to_owned()));
    scene.sync("2026-11-20T16:00:00Z");
    assert!(ids_asked(&scene.control()).is_empty(), "a 404 is not asked for again before its time");
    let accounts = scene.control().collection("accounts");
    let gone =
        accounts.iter().find(|account| there.contains(&account["crm_id"].as_str().unwrap().to_owned()));
    let gone = gone.unwrap().clone();
    scene.control().edit(remove(&gone));
    scene.control().edit(Edit::PutRecord { collection: "accounts".to_owned(), record: missing.clone() });
    let ran = scene.at("2026-11-21T10:00:00Z", "", &["sync", "--accept-deletes"]).expect(0);
    assert_eq!(ran.number("/streams/crm_accounts/deleted"), 1);
    let now = texts(&scene.live("crm_accounts"), "crm_id");
    assert!(!now.contains(&gone["crm_id"].as_str().unwrap().to_owned()));
    assert_eq!(asked(&scene.control())["/get-account"], there.len() as u64 + 1);
}

#[tokio::test]
async fn an_id_asked_for_twice_is_found_out() {
    let scene = Scene::set(10, "").await;
    scene.at(NOW, "pipeline.id_asked_twice=return", &["sync"]).expect(0);
    scene.sync("2026-11-20T16:00:00Z");
    assert!(!ids_asked(&scene.control()).is_empty(), "the defect had no effect");
}

#[tokio::test]
async fn a_lost_state_store_knows_from_the_journal_which_ids_were_asked_for() {
    let scene = Scene::set(20, "").await;
    scene.sync(NOW);
    scene.workspace.delete_state();
    scene.sync("2026-11-20T16:00:00Z");
    let asked = asked(&scene.control());
    assert!(asked.keys().all(|path| path == "/users"), "{asked:?}");
}

#[tokio::test]
async fn ids_of_calls_that_were_journalled_before_the_stream_was_on_are_found() {
    let scene = Scene::set(15, "[streams.crm_deals]\nenabled = false\n").await;
    scene.sync(NOW);
    assert!(scene.live("crm_deals").is_empty());
    let config = scene.workspace.config().replace("[streams.crm_deals]\nenabled = false\n", "");
    scene.workspace.write_config(&config);
    scene.sync("2026-11-20T16:00:00Z");
    assert!(asked(&scene.control())["/get-deal"] > 0 && !scene.live("crm_deals").is_empty());
}
