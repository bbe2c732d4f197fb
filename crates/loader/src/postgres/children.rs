//! Children: deleted with their parents' keys, then copied straight in.

use std::sync::Arc;

use arrow::array::{BooleanArray, RecordBatch};
use arrow::compute::filter_record_batch;
use clarion_core::{Error, Kind, Result, TableChange};

use super::columns::key_text;
use super::load::{Fill, PostgresLoad, Refused};
use crate::evolve::conform;

impl PostgresLoad {
    pub(super) async fn write_children(
        &mut self,
        change: &TableChange,
        refused: Option<&Refused>,
    ) -> Result<()> {
        let name = &change.schema.table;
        let schema = self.target(name).schema.clone();
        let fill = self.target(name).fill;
        if fill == Some(Fill::Rows) {
            self.delete_children(change, refused).await?;
        }
        let batch = conform(&change.rows, &schema)?;
        let batch = match refused {
            Some(refused) if !refused.is_empty() => without(batch, change, refused)?,
            _ => batch,
        };
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let copy = self.statements.copy_table(&schema, fill == Some(Fill::New));
        let copied = self.session.copy(&copy, &batch, &schema, "copying children").await?;
        self.target(name).copied(copied);
        Ok(())
    }

    async fn delete_children(&mut self, change: &TableChange, refused: Option<&Refused>) -> Result<()> {
        let name = &change.schema.table;
        let is_refused = |key: &str| refused.is_some_and(|refused| refused.contains(key));
        let parents: Vec<&str> =
            change.parents.iter().map(|key| key.as_str()).filter(|key| !is_refused(key)).collect();
        if parents.is_empty() {
            return Ok(());
        }
        let schema = Arc::clone(&self.target(name).schema);
        let delete = self.statements.delete_children(&schema);
        let deleted = self.session.execute(delete.query().bind(parents), "deleting children").await?;
        self.target(name).deleted(deleted);
        Ok(())
    }
}

/// The rows whose parent was not refused.
fn without(batch: RecordBatch, change: &TableChange, refused: &Refused) -> Result<RecordBatch> {
    let parent = change.schema.parent.as_deref().and_then(|parent| batch.column_by_name(parent));
    let Some(parent) = parent else { return Ok(batch) };
    let parent = key_text(parent)?;
    let keep: BooleanArray = (0..batch.num_rows()).map(|row| Some(!refused.contains(&parent(row)))).collect();
    filter_record_batch(&batch, &keep)
        .map_err(|error| Error::new(Kind::Protocol, "rows cannot be filtered").source(error))
}
