//! The machine dies and not only the process: what was handed to the system and never synced may be gone.

use std::fs;

use super::kill::{Death, Scene};

/// What the death of the machine may take: the open segment is flushed for every record, but not synced.
pub(super) fn take_the_open_segment(scene: &Scene) {
    let spool = scene.workspace.journal().join("open.ndjson");
    if let Err(error) = fs::remove_file(&spool) {
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{}", spool.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_never_synced_are_fetched_again() {
    let deaths = [
        Death("journal.appended", 10),
        Death("journal.written", 1),
        Death("pipeline.appended", 55),
        Death("pipeline.cut", 3),
        Death("state.writing", 3),
        Death("state.committed", 3),
        Death("pipeline.committed", 2),
    ];
    for death in deaths {
        let scene = Scene::set(24).await;
        scene.killed(&death.spelled(), &["sync"]);
        take_the_open_segment(&scene);
        scene.assert_recovers(&format!("{} and a lost open segment", death.spelled())).await;
    }
}
