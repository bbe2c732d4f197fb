//! A damaged journal: the segment is named, what is loaded stays, and a backup of the segment heals it.

use std::fs;
use std::path::PathBuf;

use super::{assert_good, assert_named, change_all, scene};
use crate::harness::Workspace;

fn segments(workspace: &Workspace) -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace.journal().join("segments")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Ways to damage a file of these bytes; `None` takes it away.
fn damages(whole: &[u8]) -> [(&'static str, Option<Vec<u8>>); 5] {
    let mut flipped = whole.to_vec();
    flipped[whole.len() / 2] ^= 0x10;
    let mut flipped_start = whole.to_vec();
    flipped_start[20] ^= 1;
    [
        ("a flipped bit", Some(flipped)),
        ("a flipped bit near the start", Some(flipped_start)),
        ("a cut", Some(whole[..whole.len() - 5].to_vec())),
        ("emptiness", Some(Vec::new())),
        ("absence", None),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_segment_is_named_and_nothing_that_is_loaded_is_touched() {
    let (simulator, workspace) = scene(12).await;
    workspace.sync();
    change_all(&simulator, "second version");
    workspace.sync();
    let all = segments(&workspace);
    for path in [all.first().unwrap(), all.last().unwrap()] {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let number = name.trim_end_matches(".ndjson.zst");
        let whole = fs::read(path).unwrap();
        for (what, damaged) in damages(&whole) {
            match damaged {
                Some(bytes) => fs::write(path, bytes).unwrap(),
                None => fs::remove_file(path).unwrap(),
            }
            for destination in workspace.destinations() {
                let ran = workspace.run(&["replay", "--destination", destination]);
                assert_named(&ran, 1, &[number]);
            }
            workspace.run(&["status"]).expect(0);
            let synced = workspace.run(&["sync"]);
            assert!(matches!(synced.code, 0 | 1), "{what}: {}", synced.stderr);
            if synced.code == 1 {
                assert_named(&synced, 1, &[number]);
            }
            assert_good(what, &workspace, &simulator).await;
            fs::write(path, &whole).unwrap();
        }
    }
    change_all(&simulator, "third version");
    workspace.sync();
    assert_good("after the segments were restored", &workspace, &simulator).await;
}
