//! A schema changed by hand: named or healed, never wrong rows, and a replay repairs it.

use super::{assert_good, change_all, scene};
use crate::audit::{assert_clean, audit_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_changed_by_hand_is_named_and_repaired_by_a_replay() {
    let changes = [
        ("ALTER TABLE clari.calls DROP COLUMN title", "title"),
        ("ALTER TABLE clari.calls ALTER COLUMN is_private TYPE text", "is_private"),
        ("ALTER TABLE clari.transcript_turns RENAME COLUMN text TO words", "text"),
        ("ALTER TABLE clari.call_details ALTER COLUMN call_duration TYPE smallint USING 1", "call_duration"),
        ("DROP TABLE clari.action_items", "action_items"),
        ("ALTER TABLE clari.calls DROP CONSTRAINT calls_pkey", "calls"),
    ];
    let (simulator, workspace) = scene(12).await;
    let Some(database) = workspace.warehouse() else { return };
    workspace.sync();
    for (statement, named) in changes {
        database.run(statement).await;
        change_all(&simulator, statement);
        let ran = workspace.run(&["sync"]);
        assert_clean("the lake", audit_of(&workspace, &["lake"], &simulator).await);
        if ran.code == 0 {
            assert_good(&format!("{statement}, healed without a word"), &workspace, &simulator).await;
            continue;
        }
        super::assert_named(&ran, 1, &[named, "warehouse", "replay --destination warehouse"]);
        simulator.control().reset_log();
        workspace.run(&["replay", "--destination", "warehouse"]).expect(0);
        assert_eq!(simulator.control().count(), 0);
        assert_good(statement, &workspace, &simulator).await;
    }
}
