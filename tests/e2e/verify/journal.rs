//! Damage to the journal.

use std::fs;

use super::{assert_found, scene};
use crate::harness::files;

#[tokio::test(flavor = "multi_thread")]
async fn an_altered_segment_is_damaged_and_named() {
    let (_simulator, workspace) = scene(30).await;
    let segments = files(&workspace.journal().join("segments"));
    let segment = segments.iter().max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut bytes = fs::read(segment).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle] ^= 1;
    fs::write(segment, bytes).unwrap();
    let number: u64 = segment.file_name().unwrap().to_string_lossy()[..12].parse().unwrap();
    assert_found(&workspace, 1, &[&format!("journal segments damaged {number:012} ")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_segment_that_is_gone_or_another_is_damaged_and_named() {
    let (_simulator, workspace) = scene(30).await;
    let segments = files(&workspace.journal().join("segments"));
    let last = segments.last().unwrap();
    let kept = fs::read(last).unwrap();
    fs::remove_file(last).unwrap();
    let number = &last.file_name().unwrap().to_string_lossy()[..12];
    let ran = assert_found(&workspace, 1, &[&format!("journal segments damaged {number} ")]);
    assert!(ran.stderr.contains("nothing can be compared"), "{}", ran.stderr);
    fs::write(last, kept).unwrap();
    super::verify(&workspace).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_store_that_is_not_the_journals_is_found_out() {
    let (simulator, workspace) = scene(30).await;
    let state = fs::read(workspace.state()).unwrap();
    let control = simulator.control();
    let id = control.call_ids()[3].clone();
    control.edit(clarion_simulator::Edit::SetStatus {
        id: id.clone(),
        status: "PROCESSED".to_owned(),
        at: chrono::Utc::now(),
    });
    workspace.sync();
    workspace.delete_state();
    fs::write(workspace.state(), state).unwrap();
    let ran = super::verify(&workspace).expect(1);
    let found = super::findings(&ran).join("\n");
    assert!(found.contains("ahead of the journal"), "{found}");
    assert!(ran.stdout.contains("not taken in yet"), "{}", ran.stdout);
}
