//! Records of a stream: staged, then merged by key.

use clarion_core::{Result, TableChange};
use sqlx::Row;

use super::columns::key_text;
use super::errors::During;
use super::load::{Fill, PostgresLoad, Refused};
use crate::evolve::conform;

impl PostgresLoad {
    /// Gives the keys whose rows were not older than what the table has.
    pub(super) async fn write_records(&mut self, change: &TableChange) -> Result<Refused> {
        const DOING: &str = "copying records";
        let name = &change.schema.table;
        let schema = self.target(name).schema.clone();
        let batch = conform(&change.rows, &schema)?;
        if batch.num_rows() == 0 {
            return Ok(Refused::new());
        }
        let fill = self.target(name).fill;
        if fill != Some(Fill::Rows) {
            let copy = self.statements.copy_table(&schema, fill == Some(Fill::New));
            let copied = self.session.copy(&copy, &batch, &schema, DOING).await?;
            self.target(name).copied(copied);
            return Ok(Refused::new());
        }
        self.stage(change).await?;
        let copy = self.statements.copy_stage(&schema);
        let copied = self.session.copy(&copy, &batch, &schema, DOING).await?;
        self.target(name).bytes += copied.bytes;
        let written = self.merge(change).await?;
        if written.len() == batch.num_rows() {
            return Ok(Refused::new());
        }
        let Some(key) = schema.key.first().and_then(|key| batch.column_by_name(key)) else {
            return Ok(Refused::new());
        };
        let key = key_text(key)?;
        Ok((0..batch.num_rows()).map(key).filter(|key| !written.contains(key)).collect())
    }

    /// An empty staging table of the table's schema.
    async fn stage(&mut self, change: &TableChange) -> Result<()> {
        const DOING: &str = "making a staging table";
        let name = &change.schema.table;
        let schema = self.target(name).schema.clone();
        let statement = if self.target(name).staged {
            self.statements.clear_stage(name)
        } else {
            self.statements.create_stage(&schema)
        };
        self.session.run(statement, DOING).await?;
        self.target(name).staged = true;
        Ok(())
    }

    /// Gives the keys that were written.
    async fn merge(&mut self, change: &TableChange) -> Result<Refused> {
        const DOING: &str = "merging records";
        let name = &change.schema.table;
        let schema = self.target(name).schema.clone();
        let merged =
            self.session.rows(self.statements.merge(&schema, self.spec.again).query(), DOING).await?;
        let mut written = Refused::with_capacity(merged.len());
        let mut inserted = 0;
        for row in &merged {
            let key: Option<String> = row.try_get(0).during(&self.session.server, DOING)?;
            let new: bool = row.try_get(1).during(&self.session.server, DOING)?;
            inserted += u64::from(new);
            written.extend(key);
        }
        let target = self.target(name);
        target.rows += inserted;
        target.changed |= inserted > 0;
        target.written += u64::try_from(merged.len()).unwrap_or(u64::MAX);
        Ok(written)
    }
}
