//! Records that are gone at the source: marked or removed, with their children.

use std::sync::Arc;

use clarion_core::{Result, TableChange, Timestamp};

use super::load::{Fill, PostgresLoad};
use super::settings::Deletes;

impl PostgresLoad {
    pub(super) async fn write_tombstones(&mut self, change: &TableChange) -> Result<()> {
        const DOING: &str = "deleting records";
        let name = &change.schema.table;
        // A table that was empty has only rows of this load, and those of deleted records came marked.
        let has_old_rows = self.target(name).fill == Some(Fill::Rows);
        if change.tombstones.is_empty() || !has_old_rows && self.deletes == Deletes::Mark {
            return Ok(());
        }
        let schema = Arc::clone(&self.target(name).schema);
        let gone = &change.tombstones;
        let keys: Vec<&str> = gone.iter().map(|tombstone| tombstone.key.as_str()).collect();
        let positions: Vec<i64> = gone.iter().map(|tombstone| tombstone.position.pack()).collect();
        if self.deletes == Deletes::Remove {
            let query = self.statements.remove_deleted(&schema).query().bind(keys).bind(positions);
            let removed = self.session.execute(query, DOING).await?;
            let target = self.target(name);
            target.deleted(removed);
            target.written += removed;
            return Ok(());
        }
        let times: Vec<Timestamp> = gone.iter().map(|tombstone| tombstone.deleted_at).collect();
        let runs: Vec<&str> = gone.iter().map(|tombstone| tombstone.run_id.as_str()).collect();
        let query = self.statements.mark_deleted(&schema).query();
        let query = query.bind(keys).bind(times).bind(positions).bind(runs).bind(self.spec.loaded_at);
        let marked = self.session.execute(query, DOING).await?;
        self.target(name).written += marked;
        Ok(())
    }
}
