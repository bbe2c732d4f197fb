//! Every implementation does what the port says.

use std::sync::Arc;

use clarion_core::testing::journal::{MemoryJournal, Opener, conforms};
use clarion_core::{Journal, ManualClock, from_millis};

use crate::fixture;

#[tokio::test]
async fn the_journal_on_a_folder_conforms() {
    conforms(&|| -> Opener {
        let folder = tempfile::tempdir().unwrap();
        Box::new(move || -> Box<dyn Journal> { Box::new(fixture::open(folder.path())) })
    })
    .await;
}

#[tokio::test]
async fn the_journal_in_memory_conforms() {
    conforms(&|| -> Opener {
        let first = MemoryJournal::new(Arc::new(ManualClock::at(from_millis(0))));
        Box::new(move || -> Box<dyn Journal> { Box::new(first.reopen()) })
    })
    .await;
}
