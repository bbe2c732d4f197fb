//! `clarion schema show` and `clarion schema history`.

use clarion_simulator::Edit;
use serde_json::{Value, json};

use crate::harness::{Layout, Workspace, simulate, small};

#[tokio::test]
async fn the_commands_tell_what_there_is_and_how_it_came_to_be() {
    let simulator = simulate(small(40)).await;
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    let control = simulator.control();
    control.edit(Edit::AddField { name: "hostMood".to_owned(), value: json!("cheerful") });
    control.edit(Edit::ChangeType { field: "metrics/call_duration".to_owned() });
    let run = workspace.run(&["sync", "--full"]).expect(0);
    let requests = control.count();
    let shown = workspace.run(&["schema", "show"]).expect(0).json;
    let history = workspace.run(&["schema", "history"]).expect(0).json;
    assert_eq!(control.count(), requests);
    for destination in workspace.destinations() {
        let calls = &shown["destinations"][destination]["tables"]["calls"];
        assert_eq!(
            (&calls["stream"], &calls["rows"], &calls["key"]),
            (&json!("calls"), &json!(40), &json!(["id"]))
        );
        let mood = json!({ "name": "host_mood", "type": "text", "source": "hostMood", "declared": false });
        assert!(calls["columns"].as_array().unwrap().contains(&mood), "{calls}");
        let changes = history["destinations"][destination]["changes"].as_array().unwrap();
        let find = |words: &str| changes.iter().find(|change| change["change"] == words);
        assert_eq!(find("calls: new table").expect("tables are told")["column"], Value::Null);
        let new = find("calls: new column host_mood (text)").expect("columns are told");
        assert_eq!((&new["stream"], &new["column"]), (&json!("calls"), &json!("host_mood")));
        assert_eq!(
            (&new["from"], &new["to"], &new["run"]),
            (&Value::Null, &json!("text"), &run.json["run_id"])
        );
        assert!(new["record"].as_str().is_some_and(|place| place.contains(':')), "{new}");
        let wider = find("calls: column call_duration widened from integer to text")
            .or_else(|| find("calls: column call_duration widened from double to text"))
            .expect("widenings are told");
        assert_eq!((&wider["to"], &wider["run"]), (&json!("text"), &run.json["run_id"]));
        assert!(
            wider["from"].is_string() && wider["record"].is_string() && wider["at"].is_string(),
            "{wider}"
        );
        let one = workspace.run(&["schema", "history", "--destination", destination]).expect(0).json;
        assert_eq!(one["destinations"].as_object().unwrap().len(), 1);
    }
    assert_eq!(workspace.run(&["schema", "show", "--destination", "nowhere"]).code, 2);
    let plain = workspace.run_plain(&["schema", "history"]).expect(0);
    assert!(plain.stdout.contains("new column host_mood (text)"), "{}", plain.stdout);
    assert!(workspace.run_plain(&["schema", "show"]).expect(0).stdout.contains("host_mood"));
}
