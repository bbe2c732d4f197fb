//! The list changes while it is read.

use std::collections::BTreeMap;
use std::sync::Mutex;

use chrono::{SecondsFormat, TimeDelta, Utc};
use clarion_simulator::{Control, Edit, Options};
use serde_json::{Value, json};

use crate::harness::{Layout, Workspace, assert_truth, lake_tables, simulate, small};

/// Enough for four pages of a hundred.
const CALLS: usize = 330;
/// Edits of one run, so that it can settle.
const EDITS: u32 = 25;

/// What may happen to calls between two requests.
#[derive(Clone, Copy, PartialEq)]
enum Kinds {
    /// What a forward pass finds: calls that come, go, or change their status.
    Loud,
    /// Edits that leave `last_modified_time` alone as well; only a listing by time finds them.
    Silent,
}

#[tokio::test]
async fn edits_between_pages_neither_lose_nor_double_a_call() {
    for seed in 1..=3 {
        edited_while_read(seed, Kinds::Loud, "14d").await;
    }
}

#[tokio::test]
async fn silent_edits_between_pages_are_found_by_the_relist() {
    for seed in 11..=12 {
        edited_while_read(seed, Kinds::Silent, "800d").await;
    }
}

/// Calls that nothing touches are there once and whole after every run; once the edits stop, one sync equals the truth
/// of all calls but those that were deleted.
async fn edited_while_read(seed: u64, kinds: Kinds, relist: &str) {
    let options = Options { seed, turns: 2, ..small(CALLS) };
    let simulator = simulate(options).await;
    let control = simulator.control();
    let layout = Layout { more: format!("[streams.calls]\nrelist = \"{relist}\"\n"), ..Layout::both().await };
    let workspace = Workspace::new(&simulator.url(), layout);
    let ids = control.call_ids();
    let (touched, untouched) = ids.split_at(CALLS / 2);
    for run in 0..2 {
        edit_between_pages(&control, seed * 100 + run, touched.to_vec(), kinds);
        let ran = workspace.run(&["sync"]);
        // A list that never holds still may stay unproved, which is said; it is no failure.
        assert!([0, 4].contains(&ran.code), "seed {seed}, run {run}: {}\n{}", ran.code, ran.stderr);
        control.clear_hook();
        assert_untouched(&workspace, &control, untouched, &format!("seed {seed}, run {run}"));
    }
    workspace.sync();
    assert_truth(&workspace, &control).await;
}

fn edit_between_pages(control: &Control, seed: u64, touched: Vec<String>, kinds: Kinds) {
    let dice = Mutex::new((Dice(seed), EDITS));
    control.before_request(move |request, control| {
        let mut state = dice.lock().unwrap();
        let (dice, left) = &mut *state;
        if request.path != "/calls" || *left == 0 {
            return;
        }
        for _ in 0..dice.below(4) {
            *left = left.saturating_sub(1);
            let id = touched[dice.below(touched.len())].clone();
            edit(control, id, kinds, dice);
        }
    });
}

fn edit(control: &Control, id: String, kinds: Kinds, dice: &mut Dice) {
    let time = Utc::now() - TimeDelta::hours(i64::try_from(dice.below(24 * 390)).unwrap());
    let choices = if kinds == Kinds::Loud { 3 } else { 5 };
    let edit = match dice.below(choices) {
        0 => {
            let Some(mut call) = control.truth_of(&id) else { return };
            call["id"] = json!(format!("inserted-{}", dice.below(1_000_000)));
            call["time"] = json!(time.to_rfc3339_opts(SecondsFormat::Millis, true));
            call["last_modified_time"] = json!(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
            Edit::Add(call)
        }
        1 => Edit::Delete(id),
        2 => Edit::SetStatus { id, status: "PROCESSED".to_owned(), at: Utc::now() },
        3 => Edit::Reschedule { id, time },
        _ => Edit::Patch { id, merge: json!({"title": format!("edited {}", dice.below(1000))}) },
    };
    control.edit(edit);
}

fn assert_untouched(workspace: &Workspace, control: &Control, untouched: &[String], when: &str) {
    let tables = lake_tables(&workspace.lake());
    let mut rows: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
    for row in &tables["calls"] {
        rows.entry(row["id"].as_str().unwrap()).or_default().push(row);
    }
    for (id, rows) in &rows {
        assert_eq!(rows.len(), 1, "{when}: {id}");
    }
    for id in untouched {
        let row = rows.get(id.as_str()).unwrap_or_else(|| panic!("{when}: {id} is missing"));
        let truth = control.truth_of(id).unwrap();
        assert_eq!(row[0]["status"], truth["status"], "{when}: {id}");
    }
}

/// Unknown counts as private, until the next forward pass asks.
#[tokio::test]
async fn a_call_that_comes_between_the_public_and_the_full_list_does_not_stay_private() {
    let simulator = simulate(small(30)).await;
    let control = simulator.control();
    control.before_request(|request, control| {
        if request.param("includePrivate") == Some("true") && control.truth_of("late").is_none() {
            let mut call = control.truth().remove(0);
            call["id"] = json!("late");
            call["last_modified_time"] = json!(Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true));
            control.edit(Edit::Add(call));
        }
    });
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    assert!(control.truth_of("late").is_some(), "the hook did not fire");
    let tables = lake_tables(&workspace.lake());
    let late = tables["calls"].iter().find(|row| row["id"] == "late").unwrap();
    assert_eq!(late["is_private"], true);
    workspace.sync();
    assert_truth(&workspace, &control).await;
}

#[tokio::test]
async fn a_list_longer_than_the_offset_reaches_is_read_whole() {
    let options = Options { turns: 1, ..small(10_150) };
    let simulator = simulate(options).await;
    let control = simulator.control();
    let workspace = Workspace::new(&simulator.url(), Layout::default());
    let ran = workspace.run(&["sync", "--streams", "calls"]).expect(0);
    assert_eq!(ran.number("/streams/calls/new"), 10_150);
    let tables = lake_tables(&workspace.lake());
    let mut found: Vec<&str> = tables["calls"].iter().filter_map(|row| row["id"].as_str()).collect();
    found.sort_unstable();
    let mut ids = control.call_ids();
    ids.sort_unstable();
    assert_eq!(found, ids);
}

#[tokio::test]
async fn a_tie_of_more_than_a_page_is_read_whole() {
    let simulator = simulate(Options { turns: 1, ..small(260) }).await;
    let control = simulator.control();
    let time = Utc::now() - TimeDelta::days(3);
    for id in control.call_ids().into_iter().take(230) {
        control.edit(Edit::Reschedule { id, time });
    }
    let workspace = Workspace::new(&simulator.url(), Layout::both().await);
    workspace.sync();
    assert_truth(&workspace, &control).await;
    control.reset_log();
    workspace.sync();
    assert_eq!(control.count_of("/call-details"), 0);
}

/// Numbers that a seed decides (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit as u64).expect("below a usize")
    }
}
