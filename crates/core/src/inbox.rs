//! What the vendor's side tells us by itself: that a call is worth fetching now.

use async_trait::async_trait;

use crate::{RecordKey, Result, Timestamp};

/// A notification that was proved genuine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The sender's id of it: the same when it is sent again.
    pub id: String,
    pub call: RecordKey,
    pub taken_at: Timestamp,
}

/// What became of a notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    New,
    /// Its id was taken before.
    Repeated,
    /// Too many are waiting; it was not taken.
    Full,
}

/// Notifications between the moment they come and the moment their calls are queued.
///
/// They are not queued at once: a fetch of the same call that is under way may be older than the notification, and
/// would take the entry out of the queue when it is done.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// Takes a notification; durable when this returns `New`.
    ///
    /// # Behavior
    /// - An id that was taken before is `Repeated` and changes nothing, whichever call it names, also after a restart
    ///   and after its call was queued.
    /// - `Full`, changing nothing, when `limit` are waiting already.
    /// - Of a call that was purged only the notification's own id is kept; nothing waits.
    /// - Needs no lease: it may be called beside any run.
    async fn take(&self, notice: &Notice, limit: u64) -> Result<Taken>;

    /// Notifications whose calls are not queued yet, oldest first.
    async fn waiting(&self, limit: u32) -> Result<Vec<Notice>>;

    /// The calls of these are queued: their ids stay, to recognise a repetition, the calls' ids do not.
    async fn settle(&self, ids: &[String]) -> Result<()>;

    /// Forgets what was taken before `before` and is not waiting.
    async fn forget(&self, before: Timestamp) -> Result<()>;
}
