//! Killed in the middle: what came is kept, what was answered is not asked for again.

use std::collections::BTreeMap;

use super::{NOW, Scene};
use crate::harness::lake_tables;

/// Requests that were made twice over both runs, those that are part of every sync left out.
fn made_twice(scene: &Scene) -> Vec<String> {
    let mut made: BTreeMap<String, u32> = BTreeMap::new();
    for request in scene.control().requests() {
        if !["/calls", "/call-details", "/users"].contains(&request.path.as_str()) {
            *made.entry(format!("{} {:?}", request.path, request.query)).or_default() += 1;
        }
    }
    made.into_iter().filter(|(_, times)| *times > 1).map(|(request, _)| request).collect()
}

/// Dies at the n-th passage, goes on, and ends with what a run without a death has.
async fn killed_at(point: &str, passages: u32, in_flight: usize) {
    let whole = Scene::set(20, "").await;
    whole.sync(NOW);
    let scene = Scene::set(20, "").await;
    let action =
        if passages == 0 { format!("{point}=return") } else { format!("{point}={passages}*off->return") };
    let ran = scene.at(NOW, &action, &["sync"]);
    assert_eq!(ran.signal, Some(9), "{action} did not kill it: {}", ran.stderr);
    scene.workspace.run_with_env(&[("CLARION_TEST_NOW", "2026-11-20T10:05:00Z")], &["sync"]).expect(0);
    let twice = made_twice(&scene);
    assert!(twice.len() <= in_flight, "{action}: {twice:?}");
    let counts = |scene: &Scene| -> BTreeMap<String, usize> {
        lake_tables(&scene.workspace.lake()).into_iter().map(|(name, rows)| (name, rows.len())).collect()
    };
    assert_eq!(counts(&scene), counts(&whole), "{action}");
    assert_eq!(scene.workspace.run(&["verify"]).expect(0).json["agrees"], true, "{action}");
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_windows() {
    killed_at("pipeline.window_read", 1, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_two_lists() {
    // What was listed since the last segment is listed again.
    killed_at("pipeline.list_read", 2, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn between_a_record_and_its_progress() {
    // The segment is there, and the state store does not know of it.
    for passages in [1, 4, 8] {
        killed_at("pipeline.cut", passages, 3).await;
    }
}
