//! Whatever happens to a workspace: once it is quiet, one sync whose listing covers all of it shows the truth.

use chrono::{SecondsFormat, TimeDelta, Utc};
use clarion_simulator::Edit;
use serde_json::{Value, json};

use super::{Scene, id};
use crate::audit::{assert_clean, audit};

/// Small numbers that depend on nothing but the seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

fn written(time: chrono::DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// One edit, and what was deleted before may come back.
fn edit(scene: &Scene, dice: &mut Dice, graveyard: &mut Vec<Value>) {
    let control = scene.control();
    let calls = control.truth();
    let call = calls[dice.below(calls.len())].clone();
    let number = dice.below(1_000_000);
    let moved = Utc::now() - TimeDelta::hours(i64::try_from(dice.below(400 * 24)).unwrap());
    let edit = match dice.below(9) {
        0 | 1 => {
            graveyard.push(call.clone());
            Edit::Delete(id(&call))
        }
        2 if !graveyard.is_empty() => Edit::Add(graveyard.swap_remove(dice.below(graveyard.len()))),
        2 | 3 => {
            let mut fresh = call;
            fresh["id"] = json!(format!("new-{number}"));
            fresh["time"] = json!(written(moved));
            fresh["last_modified_time"] = json!(written(Utc::now()));
            Edit::Add(fresh)
        }
        4 => Edit::Reschedule { id: id(&call), time: moved },
        5 => Edit::SetPrivate { id: id(&call), private: !control.is_private(&id(&call)) },
        6 => Edit::SetStatus { id: id(&call), status: "POST_PROCESSING_DONE".to_owned(), at: Utc::now() },
        _ => Edit::Patch { id: id(&call), merge: json!({ "title": format!("edit {number}") }) },
    };
    control.edit(edit);
}

async fn edits_and_syncs(seed: u64) {
    let scene = Scene::synced(50, "500d").await;
    let mut dice = Dice(seed);
    let mut graveyard = Vec::new();
    for round in 0..3 {
        for _ in 0..12 {
            edit(&scene, &mut dice, &mut graveyard);
        }
        scene.sync_with("", &["--accept-deletes"]).expect(0);
        assert_clean(&format!("seed {seed}, round {round}"), audit(&scene.workspace, &scene.simulator).await);
    }
    scene.assert_replay_shows_the_same().await;
}

#[tokio::test]
async fn after_any_edits_one_sync_shows_the_truth() {
    let first = u64::from(std::process::id());
    for seed in first..first + 4 {
        eprintln!("seed {seed}");
        edits_and_syncs(seed).await;
    }
}
