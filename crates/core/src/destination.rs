//! The destination's port: change sets in, with the position as part of the data.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Audit, ChangeSet, Error, Fence, JournalId, Kind, Position, RecordKey, Result, RunId, SchemaChanged,
    StreamName, TableName, TableSchema, Timestamp, fault,
};

#[async_trait]
pub trait Destination: Send + Sync {
    fn name(&self) -> &str;

    /// What the destination holds. Where nobody on another machine can be writing, this finishes what a killed load had
    /// committed but not yet tidied up.
    ///
    /// # Behavior
    /// - Never loaded or wiped is [`Position::START`] without tables.
    /// - Where somebody can, nothing is changed: what is left to do is told, and the next `begin` does it.
    async fn inspect(&self) -> Result<DestinationState>;

    /// The shapes that it remembers of its tables, whatever became of the tables.
    ///
    /// # Behavior
    /// - Never loaded or wiped is empty.
    /// - What [`Destination::inspect`] calls damaged is remembered all the same, as long as the memory itself can be read.
    async fn remembered(&self) -> Result<BTreeMap<TableName, Arc<TableSchema>>>;

    /// How its tables came to be what they are, oldest first.
    ///
    /// # Behavior
    /// - Never loaded or wiped is empty; so is what a version before this one did not remember.
    async fn schema_history(&self) -> Result<Vec<SchemaChanged>>;

    /// Begins a load; nothing that readers see changes before its commit.
    ///
    /// # Behavior
    /// - `Conflict` if the stored position is not `spec.from` or is one in another journal (with `replace`: whatever it
    ///   is), or the fence is lower than the highest seen.
    async fn begin(&self, spec: LoadSpec) -> Result<Box<dyn Load>>;

    /// Removes records for good, with their children; gives the number of rows removed.
    ///
    /// # Behavior
    /// - Also rows that are marked as deleted, and what loads that were cut off left behind.
    /// - The position stays what it was. Records that are not there are none to remove.
    /// - Killed anywhere inside, each table afterwards is either as before or as after; doing it again finishes it.
    /// - `Conflict` if the fence is lower than the highest seen.
    async fn purge(&self, spec: PurgeSpec) -> Result<u64>;

    /// Opens the destination for an audit, beside whoever writes to it.
    ///
    /// # Behavior
    /// - A load that begins, goes on or ends meanwhile is not held up.
    /// - Files or rows that somebody put there or took away are no error: finding them is what an audit is for.
    /// - Never loaded or wiped is as in [`Destination::inspect`].
    async fn audit(&self) -> Result<Box<dyn Audit>>;
}

/// A load under way. Dropped without a commit it leaves the destination as it was.
#[async_trait]
pub trait Load: Send {
    /// Takes a change set; memory stays flat however many follow.
    ///
    /// # Behavior
    /// - `Conflict`, and temporary, if a table had to take another shape first, which is done and stays: the load is to
    ///   be begun anew, and gets further than this one.
    async fn write(&mut self, change: ChangeSet) -> Result<()>;

    /// Makes everything written visible together with the position.
    ///
    /// # Behavior
    /// - An older version of a record never overwrites a newer one, nor, unless `again` says so, the same version.
    /// - Killed anywhere inside, the destination afterwards is either as before or as after.
    async fn commit(self: Box<Self>, to: Position) -> Result<LoadReport>;
}

#[derive(Debug, Clone)]
pub struct LoadSpec {
    pub run_id: RunId,
    pub fence: Fence,
    /// The journal that is loaded: a position means nothing in another.
    pub journal: JournalId,
    /// The position this load continues from.
    pub from: Position,
    /// Rebuild: readers keep the old rows until the commit, after which only the written rows are left.
    pub replace: bool,
    /// Write a version of a record also where the destination has it: its rows were not what they could be.
    pub again: bool,
    pub loaded_at: Timestamp,
    /// Every key that this load will write, known before the first change set.
    pub keys: Arc<ChangedKeys>,
}

#[derive(Debug, Clone)]
pub struct PurgeSpec {
    pub run_id: RunId,
    pub fence: Fence,
    /// The journal of the records, for a destination that does not know its own yet.
    pub journal: JournalId,
    pub at: Timestamp,
    /// The records to remove, by stream.
    pub keys: Arc<ChangedKeys>,
}

/// Refuses a destination whose position is one in another journal than `journal`. One that does not say, because it
/// was loaded before journals had ids, is taken at its word.
pub fn check_journal(stored: Option<&JournalId>, journal: &JournalId, destination: &str) -> Result<()> {
    if stored.is_none_or(|stored| stored == journal) || fault::defect("destination.any_journal") {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, "the destination was loaded from another journal")
        .with("destination", destination)
        .hint(format!(
            "if this journal was begun anew, rebuild the destination with `clarion replay --destination {destination}`; \
             if not, set journal.url to the one it was loaded from"
        )))
}

/// The keys of a load by stream.
pub type ChangedKeys = HashMap<StreamName, HashSet<RecordKey>>;

#[derive(Debug, Clone, Default)]
pub struct DestinationState {
    pub position: Position,
    /// The journal that the position is one in; `None` for a destination that was never loaded, or before journals
    /// had ids.
    pub journal: Option<JournalId>,
    pub schemas: BTreeMap<TableName, Arc<TableSchema>>,
    pub tables: BTreeMap<TableName, TableStats>,
    /// The last load is committed, and readers may not see all of it yet: it is under way, or was killed.
    pub unfinished: bool,
}

/// What a table holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TableStats {
    pub rows: u64,
    pub bytes: u64,
}

/// What a load did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Rows inserted or replaced by table.
    pub rows: BTreeMap<TableName, u64>,
    /// New and widened columns in words, for instance `calls: new column sentiment (text)`.
    pub schema_changes: Vec<String>,
}
