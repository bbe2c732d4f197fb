//! A destination that cannot be reached: it stops with its position intact, and everything else goes on.

use clarion_simulator::Edit;
use serde_json::json;

use crate::audit::{assert_clean, audit, audit_of};
use crate::harness::{Layout, Workspace, simulate};

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_warehouse_leaves_the_lake_loaded_and_catches_up_later() {
    let simulator = simulate(super::few()).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    let Some(database) = workspace.warehouse() else { return };
    workspace.sync();
    let position = "SELECT string_agg(p::text, ',') FROM clari._clarion_position p";
    let before = database.text(position).await;

    for id in control.call_ids().into_iter().take(3) {
        let merge = json!({ "title": "changed while the warehouse was away" });
        let at = chrono::Utc::now();
        control.edit(Edit::Patch { id: id.clone(), merge });
        control.edit(Edit::SetStatus { id, status: "PROCESSED".to_owned(), at });
    }
    let config = workspace.config();
    workspace.write_config(&config.replace(&database.url(), "postgres://postgres@127.0.0.1:1/away"));
    let ran = workspace.run(&["sync"]).expect(1);
    assert!(ran.text("/destinations/warehouse/error").contains("warehouse"), "{}", ran.stdout);
    assert!(ran.json.pointer("/destinations/lake/error").is_none(), "{}", ran.stdout);
    assert_clean("the lake", audit_of(&workspace, &["lake"], &simulator).await);
    assert_eq!(database.text(position).await, before, "the warehouse's position moved");

    workspace.write_config(&config);
    control.reset_log();
    workspace.run(&["load"]).expect(0);
    assert_eq!(control.count(), 0, "a load makes no requests");
    assert_clean("the warehouse after its load", audit(&workspace, &simulator).await);
}
