//! What a call costs on disk.

use clarion_core::testing::state::{known, queued};
use clarion_core::{Known, Position, Progress, Reason, StateStore, StreamName, content_hash, from_millis};

use crate::place::Place;

const CALLS: u32 = 5000;

#[tokio::test]
async fn a_call_with_details_and_queue_entry_takes_less_than_a_kilobyte() {
    let place = Place::sqlite();
    let store = place.open().await;
    let empty = file_size(&place);
    for from in (0..CALLS).step_by(500) {
        let ids: Vec<String> = (from..from + 500).map(id).collect();
        let calls = ids.iter().zip(from..).map(|(id, line)| full(id, line, StreamName::CALLS));
        let details = ids.iter().zip(from..).map(|(id, line)| full(id, line, StreamName::CALL_DETAILS));
        let queued =
            ids.iter().map(|id| queued(id, Reason::Backfill, 1_700_000_000, Some(1_700_000_000))).collect();
        let progress = Progress { known: calls.chain(details).collect(), queued, ..Progress::default() };
        store.commit(1, progress).await.unwrap();
    }
    store.close().await;
    let bytes = (file_size(&place) - empty) / u64::from(CALLS);
    assert!(bytes < 1024, "{bytes} bytes a call");
}

fn file_size(place: &Place) -> u64 {
    place.path().join("data/state.db").metadata().unwrap().len()
}

/// 36 characters in no order, as ids of the vendor are.
fn id(number: u32) -> String {
    let hash = content_hash(&number.to_le_bytes());
    format!("{hash:016x}-{:016x}-aa", hash.rotate_left(17))
}

fn full(id: &str, line: u32, stream: StreamName) -> Known {
    let time = Some(from_millis(1_700_000_000_000 + i64::from(line)));
    Known {
        stream,
        hash: content_hash(id.as_bytes()),
        private: Some(false),
        time,
        modified: time,
        status: Some("POST_PROCESSING_DONE".to_owned()),
        fingerprint: content_hash(id.as_bytes()).rotate_left(9),
        paths: 90,
        checked_at: from_millis(1_700_000_000_000),
        generation: 3,
        ..known(id, Position::new(300, line))
    }
}
