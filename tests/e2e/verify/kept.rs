//! A journal that was compacted, and calls that were purged.

use clarion_simulator::Edit;

use super::{findings, scene, verify};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_compacted_or_purged_is_no_difference() {
    let (simulator, workspace) = scene(30).await;
    let control = simulator.control();
    for round in 0..2 {
        for call in control.call_ids().into_iter().take(9) {
            let status = if round == 0 { "PROCESSED" } else { "POST_PROCESSING_DONE" };
            let at = chrono::Utc::now();
            control.edit(Edit::SetStatus { id: call, status: status.to_owned(), at });
        }
        workspace.sync();
    }
    workspace.run(&["journal", "compact"]).expect(0);
    assert_eq!(findings(&verify(&workspace).expect(0)), Vec::<String>::new());
    let purged = control.call_ids()[4].clone();
    workspace.run(&["purge", "--call", &purged]).expect(0);
    assert_eq!(findings(&verify(&workspace).expect(0)), Vec::<String>::new());
}

/// Its rows stay, marked, or go.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_was_deleted_everywhere_is_no_difference() {
    for deletes in ["mark", "remove"] {
        let (simulator, workspace) = scene(30).await;
        let control = simulator.control();
        let setting = format!("name = \"warehouse\"\ndeletes = \"{deletes}\"");
        let config = workspace.config().replace("name = \"warehouse\"", &setting);
        workspace.write_config(&format!("{config}\n[streams.calls]\nrelist = \"500d\"\n"));
        assert!(control.edit(Edit::Delete(control.call_ids()[5].clone())));
        workspace.sync();
        assert_eq!(findings(&verify(&workspace).expect(0)), Vec::<String>::new(), "{deletes}");
    }
}
