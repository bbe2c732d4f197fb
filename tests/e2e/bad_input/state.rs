//! A damaged state store: named, and moving it away is a way out that costs no details request.

use std::fs;

use super::{assert_good, assert_named, scene};

#[tokio::test(flavor = "multi_thread")]
async fn a_corrupt_state_store_is_named_and_rebuilt_once_it_is_moved_away() {
    for damage in ["overwritten", "cut", "not a database"] {
        let (simulator, workspace) = scene(12).await;
        workspace.sync();
        let whole = fs::read(workspace.state()).unwrap();
        let _ = fs::remove_file(workspace.path().join("data/state.db-wal"));
        let bytes = match damage {
            "overwritten" => [&whole[..100], &[0xa5; 8000], whole.get(8100..).unwrap_or_default()].concat(),
            "cut" => whole[..whole.len() / 2].to_vec(),
            _ => b"this is not a database at all, it is a text about one".repeat(40),
        };
        fs::write(workspace.state(), bytes).unwrap();
        let ran = workspace.run(&["sync"]);
        assert_named(&ran, 1, &["state.db"]);
        assert!(ran.stderr.contains("move"), "{damage}: no way out is named\n{}", ran.stderr);
        assert_good(damage, &workspace, &simulator).await;

        workspace.delete_state();
        simulator.control().reset_log();
        workspace.sync();
        assert_eq!(simulator.control().count_of("/call-details"), 0, "{damage}: details were fetched again");
        assert_good("a state store rebuilt from the journal", &workspace, &simulator).await;
    }
}
