//! Records that are broken as such.

use clarion_simulator::Edit;
use serde_json::Value;

use super::{assert_good, scene};
use crate::audit::{Table, has_details, rows};

fn break_field(control: &clarion_simulator::Control, id: &str, field: &str, text: &str) {
    let edit = Edit::SetVerbatim { id: id.to_owned(), field: field.to_owned(), text: text.to_owned() };
    assert!(control.edit(edit), "the call is there");
}

fn ready(control: &clarion_simulator::Control) -> Vec<String> {
    let truth: Vec<Value> = control.truth().into_iter().filter(has_details).collect();
    truth.iter().filter_map(|call| call["id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn details_whose_json_is_cut_are_named_and_the_others_loaded() {
    let (simulator, workspace) = scene(12).await;
    let control = simulator.control();
    let ids = ready(&control);
    break_field(&control, &ids[0], "summary", "{\"full_summary\": \"cut");
    let ran = workspace.run(&["sync"]).expect(4);
    assert!(ran.json["holes"].to_string().contains(&ids[0]), "{}", ran.stdout);
    for destination in workspace.destinations() {
        let details = rows(&workspace, destination, Table::named("call_details")).await.unwrap();
        assert_eq!(details.len(), ids.len() - 1, "{destination}");
    }
    break_field(&control, &ids[0], "summary", "null");
    workspace.sync();
    assert_good("details that are whole again", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_whose_json_is_cut_fails_the_list_and_nothing_else() {
    let (simulator, workspace) = scene(12).await;
    let control = simulator.control();
    let ids = ready(&control);
    break_field(&control, &ids[0], "title", "\"cut");
    let ran = workspace.run(&["sync"]).expect(1);
    assert!(ran.stderr.contains("/calls") && ran.stderr.contains("JSON"), "{}", ran.stderr);
    for destination in workspace.destinations() {
        let users = rows(&workspace, destination, Table::named("users")).await.unwrap();
        assert_eq!(
            users.len(),
            control.collection("users").len(),
            "{destination}: the users came all the same"
        );
    }
    break_field(&control, &ids[0], "title", "\"whole\"");
    workspace.sync();
    assert_good("a page that is whole again", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_id_is_rejected_and_the_others_loaded() {
    let (simulator, workspace) = scene(12).await;
    let control = simulator.control();
    let ids = ready(&control);
    break_field(&control, &ids[0], "id", "null");
    for _ in 0..2 {
        let ran = workspace.sync();
        assert!(ran.number("/streams/calls/rejected") > 0, "{}", ran.stdout);
        let status = workspace.run(&["status"]).expect(0);
        let rejected = status.json["rejected"].as_array().unwrap();
        assert_eq!(rejected.len(), 1, "{rejected:?}");
        assert!(rejected[0]["reason"].as_str().unwrap().contains("no usable id"), "{rejected:?}");
        for destination in workspace.destinations() {
            let calls = rows(&workspace, destination, Table::named("calls")).await.unwrap();
            assert_eq!(calls.len(), control.call_ids().len() - 1, "{destination}");
        }
    }
    break_field(&control, &ids[0], "id", &format!("\"{}\"", ids[0]));
    workspace.sync();
    assert_good("a call that has its id again", &workspace, &simulator).await;
}
