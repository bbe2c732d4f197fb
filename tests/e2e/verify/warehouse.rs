//! Damage to a warehouse by hand.

use super::{assert_found, findings, scene, verify};

#[tokio::test(flavor = "multi_thread")]
async fn rows_changed_by_hand_are_named() {
    let (_simulator, workspace) = scene(30).await;
    let Some(database) = workspace.warehouse() else { return };
    verify(&workspace).expect(0);
    let id = |offset: u32| {
        let query = format!(
            "SELECT d.id FROM clari.call_details d JOIN clari.transcript_turns t ON t.call_id = d.id AND t.idx = 7 \
             ORDER BY d.id LIMIT 1 OFFSET {offset}"
        );
        async move { database.text(&query).await }
    };
    let (lost, old, other, marked) = (id(0).await, id(1).await, id(2).await, id(3).await);
    let (thinner, shorter, orphaned) = (id(4).await, id(5).await, id(6).await);
    for sql in [
        format!("DELETE FROM clari.calls WHERE id = '{lost}'"),
        format!("UPDATE clari.calls SET _position = 17 WHERE id = '{old}'"),
        format!("UPDATE clari.calls SET title = 'by hand', metrics = NULL WHERE id = '{other}'"),
        format!("UPDATE clari.calls SET _deleted_at = now() WHERE id = '{marked}'"),
        "INSERT INTO clari.calls SELECT (jsonb_populate_record(c, '{\"id\": \"ghost\"}')).* FROM clari.calls c LIMIT 1"
            .to_owned(),
        format!("DELETE FROM clari.transcript_turns WHERE call_id = '{thinner}' AND idx = 3"),
        format!("DELETE FROM clari.transcript_turns WHERE call_id = '{shorter}' AND idx = 7"),
        format!("UPDATE clari.action_items SET call_id = 'nobody' WHERE call_id = '{orphaned}' AND idx = 0"),
    ] {
        database.run(&sql).await;
    }
    let wanted = [
        format!("warehouse calls missing {lost}"),
        format!("warehouse calls stale {old} from 0:17"),
        format!("warehouse calls stale {other} title, metrics"),
        format!("warehouse calls stale {marked} marked as deleted"),
        "warehouse calls extra ghost".to_owned(),
        format!("warehouse transcript_turns missing {thinner}/3"),
        format!("warehouse transcript_turns missing {shorter}/7"),
        "warehouse action_items extra nobody/0".to_owned(),
        format!("warehouse action_items missing {orphaned}/0"),
    ];
    let ran = assert_found(&workspace, 1, &wanted.each_ref().map(String::as_str));
    assert!(findings(&ran).iter().all(|found| found.starts_with("warehouse ")), "{:?}", findings(&ran));
    workspace.run(&["replay", "--destination", "warehouse"]).expect(0);
    verify(&workspace).expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_or_a_column_that_was_dropped_is_damaged() {
    let (_simulator, workspace) = scene(30).await;
    let Some(database) = workspace.warehouse() else { return };
    database.run("DROP TABLE clari.action_items; ALTER TABLE clari.calls DROP COLUMN title").await;
    let wanted = [
        "warehouse as it was left damaged a table was dropped by hand",
        "warehouse as it was left damaged a column was dropped by hand",
        "warehouse users",
    ];
    let ran = assert_found(&workspace, 1, &wanted[..2]);
    assert!(!findings(&ran).iter().any(|found| found.starts_with(wanted[2])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_dropped_lets_a_row_in_twice() {
    let (_simulator, workspace) = scene(30).await;
    let Some(database) = workspace.warehouse() else { return };
    database.run("ALTER TABLE clari.users DROP CONSTRAINT users_pkey").await;
    database.run("INSERT INTO clari.users SELECT * FROM clari.users ORDER BY id LIMIT 1").await;
    let id = database.text("SELECT min(id) FROM clari.users").await;
    assert_found(&workspace, 1, &[&format!("warehouse users doubled {id}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warehouse_that_is_down_fails_its_own_part_only() {
    let (_simulator, workspace) = scene(30).await;
    let Some(database) = workspace.warehouse() else { return };
    let config = workspace.config();
    workspace.write_config(&config.replace(&database.url(), "postgres://nobody@127.0.0.1:1/none"));
    let ran = verify(&workspace).expect(1);
    assert!(ran.stderr.contains("cannot reach the PostgreSQL server"), "{}", ran.stderr);
    assert_eq!(findings(&ran), Vec::<String>::new());
}
