//! Tables that others can see, brought to the shape of a change set before anything of it is written.
//!
//! Each in short transactions of its own: a lock that a load took for a column it would keep to its end, and hold up
//! every reader for as long. Whoever reads several tables in one transaction and meets two such locks would even be
//! ended by the server, as part of a deadlock.

use std::sync::Arc;

use clarion_core::{ChangeSet, Error, Kind, Novelty, Result, Retry, TableChange, TableSchema, fault};

use sqlx::Row;

use super::begin;
use super::catalog;
use super::errors::During;
use super::fence;
use super::history;
use super::load::{Fill, PostgresLoad, targets};
use super::widen::{self, Widening};
use crate::evolve::{check_fields, check_key, merge, schema_changes};

const DOING: &str = "changing the shape of a table";

/// A table that is too narrow, as it is and as it must be.
struct Reshape {
    known: Arc<TableSchema>,
    wanted: TableSchema,
}

impl PostgresLoad {
    /// Adds and widens columns of existing tables. The load's transaction ends for it: if nothing was written in it, it
    /// begins anew, and nobody notices.
    pub(super) async fn reshape_first(&mut self, change: &ChangeSet) -> Result<()> {
        self.check(change)?;
        if self.too_narrow(change).is_empty() {
            return Ok(());
        }
        self.session.plain("ROLLBACK", DOING).await?;
        if self.spec.replace {
            begin::repair_first(&mut self.session, &self.statements, &self.spec).await?;
        }
        let stored = catalog::read(&mut self.session, &self.statements, false).await?;
        self.tables = targets(stored.tables, self.spec.replace);
        for reshape in self.too_narrow(change) {
            let table = reshape.known.table.clone();
            let reshaped = self.reshape(reshape, &change.novelties).await;
            reshaped.map_err(|error| error.with("table", table))?;
        }
        if self.touched {
            return Err(Error::new(
                Kind::Conflict,
                "the load must begin anew: a table had to change its shape first",
            )
            .retry(Retry::Temporary)
            .with("destination", &self.session.server.destination)
            .hint("load again"));
        }
        self.session.begin().await?;
        let schema = self.statements.schema().to_owned();
        let (_, stored) = begin::prepare(&mut self.session, &schema, &self.spec).await?;
        self.noted = stored.noted;
        self.tables = targets(stored.tables, self.spec.replace);
        Ok(())
    }

    /// Refuses what no change of shape makes fit.
    fn check(&self, change: &ChangeSet) -> Result<()> {
        for table in &change.tables {
            if let Some(target) = self.tables.get(&table.schema.table) {
                let destination = &self.session.server.destination;
                check_fields(&target.schema, &table.schema, destination)?;
                if !self.spec.replace {
                    check_key(&target.schema, &table.schema, destination)?;
                }
            }
        }
        Ok(())
    }

    /// The tables that others can see, and that lack columns or width for the change set.
    fn too_narrow(&self, change: &ChangeSet) -> Vec<Reshape> {
        let narrow = |table: &TableChange| {
            let target =
                self.tables.get(&table.schema.table).filter(|target| target.fill != Some(Fill::New))?;
            let (known, mut wanted) = (Arc::clone(&target.schema), merge(&target.schema, &table.schema));
            wanted.key.clone_from(&table.schema.key);
            let lacks = wanted.columns.iter().any(|column| known.column(&column.name).is_none());
            let differs = lacks || wanted.key != known.key || !widen::due(&known, &wanted).is_empty();
            differs.then_some(Reshape { known, wanted })
        };
        change.tables.iter().filter_map(narrow).collect()
    }

    async fn reshape(&mut self, reshape: Reshape, novelties: &[Novelty]) -> Result<()> {
        let Reshape { known, wanted } = reshape;
        let shadows = widen::due(&known, &wanted);
        let mut with_new = self.add_columns(&known, &wanted, novelties).await?;
        if with_new.key != wanted.key {
            with_new = self.rekey(&with_new, &wanted.key).await?;
        }
        if shadows.is_empty() {
            return Ok(());
        }
        let (session, statements, spec) = (&mut self.session, &self.statements, &self.spec);
        Widening { session, statements, spec, known: &with_new, shadows, novelties }.run().await
    }

    /// Adds the columns that `known` does not have; gives the table as it then is.
    async fn add_columns(
        &mut self,
        known: &TableSchema,
        wanted: &TableSchema,
        novelties: &[Novelty],
    ) -> Result<TableSchema> {
        let mut grown = TableSchema { key: known.key.clone(), ..wanted.clone() };
        for column in &mut grown.columns {
            if let Some(old) = known.column(&column.name) {
                column.kind.clone_from(&old.kind);
            }
        }
        if grown.columns.len() == known.columns.len() {
            return Ok(known.clone());
        }
        self.session.begin().await?;
        begin::lock(&mut self.session, self.statements.schema()).await?;
        fence::check(&mut self.session, &self.statements, self.spec.fence).await?;
        for column in grown.columns.iter().filter(|column| known.column(&column.name).is_none()) {
            self.add(&grown, column).await?;
        }
        history::remember(&mut self.session, &self.statements, &grown).await?;
        for change in schema_changes(Some(known), &grown) {
            let change = change.brought_by(novelties);
            history::write_early(&mut self.session, &self.statements, &self.spec, &change).await?;
        }
        fault::point("postgres.columns_added");
        self.session.plain("COMMIT", DOING).await?;
        Ok(grown)
    }

    /// Takes the primary key away from a table that is rebuilt under another, which it has once its rows are there. Its
    /// columns, and the views on them, stay.
    async fn rekey(&mut self, known: &TableSchema, key: &[String]) -> Result<TableSchema> {
        let rekeyed = TableSchema { key: key.to_vec(), ..known.clone() };
        self.session.begin().await?;
        begin::lock(&mut self.session, self.statements.schema()).await?;
        fence::check(&mut self.session, &self.statements, self.spec.fence).await?;
        let names = self.session.rows(self.statements.read_key_name(&known.table).query(), DOING).await?;
        let name = names.first().map(|row| row.try_get::<String, _>(0)).transpose();
        let name = name.during(&self.session.server, DOING)?;
        self.session.alter(self.statements.drop_key(known, name.as_deref()), DOING).await?;
        history::remember(&mut self.session, &self.statements, &rekeyed).await?;
        self.session.plain("COMMIT", DOING).await?;
        Ok(rekeyed)
    }
}
