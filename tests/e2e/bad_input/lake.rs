//! A lake changed by hand: the file is named, and a replay repairs it.

use std::fs;

use super::{assert_good, assert_named, change_all, scene};
use crate::audit::files;

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_file_that_is_gone_cut_or_foreign_is_named_and_repaired_by_a_replay() {
    let (simulator, workspace) = scene(12).await;
    workspace.sync();
    for damage in ["gone", "cut", "foreign"] {
        let table = workspace.lake().join("transcript_turns");
        let file = files(&table).pop().unwrap();
        let named = match damage {
            "gone" => {
                fs::remove_file(&file).unwrap();
                file
            }
            "cut" => {
                let whole = fs::read(&file).unwrap();
                fs::write(&file, &whole[..whole.len() - 9]).unwrap();
                file
            }
            _ => {
                let foreign = file.with_file_name("data-90000.parquet");
                fs::copy(&file, &foreign).unwrap();
                foreign
            }
        };
        let name = named.file_name().unwrap().to_string_lossy().into_owned();
        change_all(&simulator, damage);
        let ran = workspace.run(&["sync"]);
        assert_named(&ran, 1, &["transcript_turns", &name, "replay --destination lake"]);
        simulator.control().reset_log();
        workspace.run(&["replay", "--destination", "lake"]).expect(0);
        assert_eq!(simulator.control().count(), 0);
        assert_good(damage, &workspace, &simulator).await;
    }
}
