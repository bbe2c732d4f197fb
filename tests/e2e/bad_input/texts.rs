//! Text, numbers and dates that some store or reader cannot hold.

use clarion_simulator::Edit;
use serde_json::json;

use super::{assert_good, scene};
use crate::audit::{Kind, NULL, Table, rows};
use crate::hazards::corpus::Corpus;

const NUMBERS: [(&str, &str); 6] = [
    ("9007199254740993", "9007199254740993"),
    ("12345678901234567890", "12345678901234567890"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("1", "1"),
    ("\"text\"", "text"),
    ("true", "true"),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_text_arrives_as_it_was_but_for_what_no_store_can_hold() {
    let texts = Corpus::read().texts;
    let (simulator, workspace) = scene(texts.len() + 3).await;
    let control = simulator.control();
    let ids = control.call_ids();
    for (id, hazard) in ids.iter().zip(&texts) {
        let text = hazard.wire.clone();
        control.edit(Edit::SetVerbatim { id: id.clone(), field: "title".to_owned(), text });
    }
    workspace.sync();
    for destination in workspace.destinations() {
        let calls = rows(&workspace, destination, Table::named("calls")).await.unwrap();
        for (id, hazard) in ids.iter().zip(&texts) {
            let row = calls.iter().find(|row| row[0] == *id).unwrap();
            assert!(hazard.shown == row[2].as_str(), "{destination}: {}", hazard.about());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_in_a_call_may_hold_anything() {
    let (simulator, workspace) = scene(8).await;
    let control = simulator.control();
    let call = control.truth().into_iter().find(|call| call["transcript"].is_array()).unwrap();
    let mut transcript = call["transcript"].clone();
    let said = [
        "a\u{0}b",
        "🚀🏳️‍🌈 é e\u{301}",
        "\\N",
        "x\ty\r\nz",
        "\u{202e}שלום",
        "\"q\" 'q' \\",
        "{\"json\": [1]}",
        "\u{feff}",
    ];
    for (turn, text) in transcript.as_array_mut().unwrap().iter_mut().zip(said) {
        turn["text"] = text.into();
    }
    let id = call["id"].as_str().unwrap().to_owned();
    control.edit(Edit::Patch { id, merge: json!({ "transcript": transcript }) });
    workspace.sync();
    assert_good("a transcript of anything", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_beyond_a_doubles_reach_keep_every_digit() {
    const TABLE: Table =
        Table { name: "calls", key: 1, columns: &[("id", Kind::Plain), ("new_number", Kind::Plain)] };
    let (simulator, workspace) = scene(NUMBERS.len() + 2).await;
    let control = simulator.control();
    let ids = control.call_ids();
    // One at a time, so that the column widens under rows that are there.
    for (id, (wire, _)) in ids.iter().zip(NUMBERS) {
        control.edit(Edit::SetVerbatim {
            id: id.clone(),
            field: "new_number".to_owned(),
            text: wire.to_owned(),
        });
        workspace.sync();
    }
    for destination in workspace.destinations() {
        let calls = rows(&workspace, destination, &TABLE).await.unwrap();
        for (id, (_, shown)) in ids.iter().zip(NUMBERS) {
            let row = calls.iter().find(|row| row[0] == *id).unwrap();
            assert_eq!(row[1], shown, "{destination}");
        }
    }
    assert_good("huge numbers", &workspace, &simulator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn dates_outside_of_the_calendar_are_null_and_reported() {
    const TABLE: Table =
        Table { name: "calls", key: 1, columns: &[("id", Kind::Plain), ("original_start_time", Kind::Time)] };
    let (simulator, workspace) = scene(8).await;
    let control = simulator.control();
    let ids = control.call_ids();
    let bad =
        ["\"0000-01-01T00:00:00Z\"", "\"10000-01-01T00:00:00Z\"", "\"soon\"", "\"2024-02-30T00:00:00Z\""];
    for (id, wire) in ids.iter().zip(bad) {
        let field = "original_start_time".to_owned();
        control.edit(Edit::SetVerbatim { id: id.clone(), field, text: wire.to_owned() });
    }
    let ran = workspace.sync();
    assert_eq!(ran.number("/streams/calls/rejected"), bad.len() as u64, "{}", ran.stdout);
    let status = workspace.run(&["status"]).expect(0);
    let rejected = status.json["rejected"].to_string();
    for destination in workspace.destinations() {
        let calls = rows(&workspace, destination, &TABLE).await.unwrap();
        for id in ids.iter().take(bad.len()) {
            assert!(rejected.contains(id.as_str()) && rejected.contains("original_start_time"), "{rejected}");
            assert_eq!(calls.iter().find(|row| row[0] == *id).unwrap()[1], NULL, "{destination}");
        }
    }
    assert_good("dates outside of the calendar", &workspace, &simulator).await;
}
