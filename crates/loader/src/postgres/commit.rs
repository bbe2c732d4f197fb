//! The end of a load: keys, statistics, and last the position.

use clarion_core::{Contract, Error, Kind, LoadReport, Position, Result, SchemaChange, fault};

use super::fence;
use super::history;
use super::load::{Fill, PostgresLoad};
use super::widen;

const DOING: &str = "committing";
/// A defect for tests: the position is committed by itself, before the data.
pub(super) const POSITION_FIRST: &str = "postgres.position_first";

impl PostgresLoad {
    pub(super) async fn finish(mut self, to: Position) -> Result<LoadReport> {
        fault::point("postgres.merged");
        if !self.has_work(to) {
            self.session.plain("ROLLBACK", DOING).await?;
            self.session.close().await;
            return Ok(LoadReport::default());
        }
        widen::sweep_leftovers(&mut self.session, &self.statements).await?;
        self.add_keys().await?;
        self.write_tables(to).await?;
        self.write_schema_changes(to).await?;
        self.write_position(to).await?;
        fence::check(&mut self.session, &self.statements, self.spec.fence).await?;
        fault::point("postgres.before_commit");
        self.session.plain("COMMIT", DOING).await?;
        fault::point("postgres.committed");
        let report = self.report();
        self.session.close().await;
        Ok(report)
    }

    fn has_work(&self, to: Position) -> bool {
        let touched = |table: &super::load::Target| table.changed || table.written > 0;
        self.spec.replace || to != self.stored || self.tables.values().any(touched)
    }

    async fn add_keys(&mut self) -> Result<()> {
        for (name, target) in &self.tables {
            let add = self.statements.add_key(&target.schema);
            if target.fill == Some(Fill::New) {
                let added = self.session.run(add, "adding the key").await;
                added.map_err(|error| error.with("table", name))?;
            } else if target.keyless {
                let added = self.session.alter(add, "adding the key").await;
                added.map_err(|error| error.with("table", name))?;
            }
        }
        Ok(())
    }

    async fn write_tables(&mut self, to: Position) -> Result<()> {
        for (name, target) in &self.tables {
            if target.changed {
                let schema = serde_json::to_string(&*target.schema).map_err(|error| {
                    Error::new(Kind::Corrupt, "a schema cannot be written").with("table", name).source(error)
                })?;
                let query = self.statements.write_table().query();
                let query = query.bind(name.as_str()).bind(schema).bind(target.rows.cast_signed());
                self.session.execute(query, DOING).await?;
            }
            if target.written > 0 {
                let query = self.statements.write_load().query();
                let query = query
                    .bind(self.spec.run_id.as_str())
                    .bind(to.pack())
                    .bind(name.as_str())
                    .bind(target.written.cast_signed())
                    .bind(target.bytes.cast_signed())
                    .bind(target.elapsed.as_secs_f64())
                    .bind(self.spec.loaded_at);
                self.session.execute(query, DOING).await?;
            }
        }
        Ok(())
    }

    async fn write_schema_changes(&mut self, to: Position) -> Result<()> {
        self.session.execute(self.statements.settle_changes().query().bind(to.pack()), DOING).await?;
        for change in &self.schema_changes {
            history::write(&mut self.session, &self.statements, &self.spec, to, change).await?;
        }
        for novelty in self.novelties.iter().filter(|novelty| novelty.under == Contract::Discard) {
            let change = SchemaChange::left_out(novelty);
            // Every load meets the field again; once is enough.
            if history::write_left_out(&mut self.session, &self.statements, &self.spec, to, &change).await? {
                self.noted.push(change.change);
            }
        }
        Ok(())
    }

    async fn write_position(&mut self, to: Position) -> Result<()> {
        let query = self.statements.write_position().query();
        let query = query.bind(to.pack()).bind(self.spec.journal.as_str());
        let query = query.bind(self.spec.fence.cast_signed()).bind(self.spec.loaded_at);
        if fault::defect(POSITION_FIRST) {
            let mut early = self.session.another().await?;
            early.execute(query, DOING).await?;
            early.close().await;
            return Ok(());
        }
        self.session.execute(query, DOING).await?;
        Ok(())
    }

    fn report(&self) -> LoadReport {
        let rows = self.tables.iter().filter(|(_, target)| target.written > 0);
        LoadReport {
            rows: rows.map(|(name, target)| (name.clone(), target.written)).collect(),
            schema_changes: self
                .noted
                .iter()
                .chain(self.schema_changes.iter().map(|change| &change.change))
                .cloned()
                .collect(),
        }
    }
}
