//! What a new field on every call may cost, and the defect that the test must catch.

use clarion_simulator::Edit;
use serde_json::json;

use super::Scene;
use crate::harness::Layout;

async fn requests_for_a_new_field(failpoints: &str) -> u64 {
    let layout = Layout { weekly_requests: 2_000, ..Layout::default() };
    let scene = Scene::with(150, "500d", layout).await;
    scene.control().edit(Edit::AddField { name: "mood".to_owned(), value: json!("cheerful") });
    scene.sync_with(failpoints, &[]).expect(0);
    scene.control().count_of("/call-details")
}

#[tokio::test]
async fn a_new_field_on_every_call_costs_a_hundredth_of_the_week() {
    let requests = requests_for_a_new_field("").await;
    assert!((1..=20).contains(&requests), "{requests} requests");
    let requests = requests_for_a_new_field("pipeline.new_field_is_change=return").await;
    assert!(requests > 100, "a new field that counts as a change went unnoticed: {requests} requests");
}
