//! What was asked for by notification: from the inbox to the head of the queue.

use std::collections::HashSet;

use chrono::Duration;
use clarion_core::{QueueEntry, Reason, RecordKey, Result, StreamName, fault};

use crate::engine::Stores;
use crate::recorder::Recorder;

/// Notifications taken in one step.
const STEP: u32 = 1_000;
/// A sender may repeat a notification for days; after that its id is forgotten.
const REMEMBERED: Duration = Duration::days(7);

/// Queues what waits in the inbox, and says which calls these are.
///
/// Called while nothing is in flight: a fetch that began before a notification may not count as its answer.
pub(crate) async fn queue_asked(stores: &Stores, recorder: &mut Recorder) -> Result<HashSet<RecordKey>> {
    let mut asked = HashSet::new();
    loop {
        let notices = stores.inbox.waiting(STEP).await?;
        if notices.is_empty() {
            return Ok(asked);
        }
        let now = stores.clock.now();
        let keys: Vec<RecordKey> = notices.iter().map(|notice| notice.call.clone()).collect();
        let calls = recorder.known(&StreamName::CALLS, &keys).await?;
        // What is done so far must be stored as done before, or it would take the new entries out of the queue.
        recorder.flush().await?;
        for key in &keys {
            recorder.queue(QueueEntry {
                stream: StreamName::CALL_DETAILS,
                key: key.clone(),
                reason: Reason::OnDemand,
                due_at: now,
                time: calls.get(key).and_then(|call| call.time),
                attempts: 0,
            });
        }
        recorder.flush().await?;
        fault::point("inbox.queued");
        let ids: Vec<String> = notices.iter().map(|notice| notice.id.clone()).collect();
        stores.inbox.settle(&ids).await?;
        stores.inbox.forget(now - REMEMBERED).await?;
        asked.extend(keys);
        if ids.len() < STEP as usize {
            return Ok(asked);
        }
    }
}
