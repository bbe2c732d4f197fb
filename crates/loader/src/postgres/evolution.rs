//! Tables brought to the schema of what is to be written.

use std::sync::Arc;

use clarion_core::{Column, Error, Kind, Result, TableSchema};
use sqlx::Row;

use super::columns::PgType;
use super::errors::During;
use super::load::{Fill, PostgresLoad, Target};
use super::sql::rewrites;
use crate::evolve::{merge, schema_changes};

impl PostgresLoad {
    /// Makes the table, or adds and widens its columns, and finds out whether it is empty.
    pub(super) async fn ensure(&mut self, incoming: &Arc<TableSchema>) -> Result<()> {
        let name = &incoming.table;
        let Some(target) = self.tables.get(name) else {
            return self.create(incoming).await;
        };
        let known = Arc::clone(&target.schema);
        if *known != **incoming {
            let wanted = merge(&known, incoming);
            if wanted != *known {
                self.evolve(&known, wanted).await?;
            }
        }
        if self.target(name).fill.is_none() {
            let found = self.session.flag(self.statements.has_rows(name), "looking for rows").await?;
            self.target(name).fill = Some(if found { Fill::Rows } else { Fill::Empty });
        }
        Ok(())
    }

    async fn create(&mut self, schema: &Arc<TableSchema>) -> Result<()> {
        const DOING: &str = "creating a table";
        let name = &schema.table;
        let query = sqlx::query(
            "SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2",
        );
        let query = query.bind(self.statements.schema().to_owned()).bind(name.as_str());
        if !self.session.rows(query, DOING).await?.is_empty() {
            return Err(Error::new(Kind::Conflict, "something else of a table's name is in the schema")
                .with("destination", &self.session.server.destination)
                .with("schema", self.statements.schema())
                .hint("rename or drop it, or give this destination another `schema`"));
        }
        self.session.run(self.statements.create_table(schema), DOING).await?;
        let mut target = Target::new(Arc::clone(schema), 0);
        target.fill = Some(Fill::New);
        target.changed = true;
        self.tables.insert(name.clone(), target);
        self.note_changes(None, schema);
        Ok(())
    }

    async fn evolve(&mut self, known: &TableSchema, wanted: TableSchema) -> Result<()> {
        for column in &wanted.columns {
            match known.column(&column.name) {
                None => self.add(&wanted, column).await?,
                Some(old) if old.kind != column.kind => self.widen(&wanted, old, column).await?,
                Some(_) => {}
            }
        }
        self.note_changes(Some(known), &wanted);
        let name = wanted.table.clone();
        if std::mem::take(&mut self.target(&name).staged) {
            self.session.run(self.statements.drop_stage(&name), "making a staging table").await?;
        }
        let target = self.target(&name);
        target.schema = Arc::new(wanted);
        target.changed = true;
        Ok(())
    }

    /// A column that somebody added by hand, of the right type, is taken over.
    pub(super) async fn add(&mut self, table: &TableSchema, column: &Column) -> Result<()> {
        const DOING: &str = "adding a column";
        match self.type_of(table, &column.name).await? {
            None => {
                let statement = self.statements.add_column(&table.table, column);
                let altered = self.session.alter(statement, DOING).await;
                altered.map_err(|error| error.with("column", &column.name))
            }
            Some(found) if found == PgType::of(&column.kind).name() => Ok(()),
            Some(found) => Err(Error::new(Kind::Conflict, "a column of another type has a new field's name")
                .with("destination", &self.session.server.destination)
                .with("column", &column.name)
                .with("expected", PgType::of(&column.kind).name())
                .with("found", found)
                .hint("rename or drop that column")),
        }
    }

    /// Only of a table that this load made: nobody else sees it, and nothing hangs on it.
    async fn widen(&mut self, table: &TableSchema, old: &Column, new: &Column) -> Result<()> {
        const DOING: &str = "widening a column";
        let same_type = PgType::of(&old.kind) == PgType::of(&new.kind);
        if same_type && !rewrites(&old.kind, &new.kind) {
            return Ok(());
        }
        if PgType::of(&new.kind) == PgType::Jsonb {
            self.session.run(self.statements.create_recast(), DOING).await?;
        }
        let statement = if same_type {
            self.statements.recast_column(&table.table, &new.name, &new.kind)
        } else {
            self.statements.widen_column(&table.table, &new.name, &old.kind, &new.kind)
        };
        let widened = self.session.run(statement, DOING).await.map(drop);
        widened.map_err(|error| error.with("column", &new.name))
    }

    async fn type_of(&mut self, table: &TableSchema, column: &str) -> Result<Option<String>> {
        const DOING: &str = "looking at a column";
        let query = sqlx::query(
            "SELECT pg_catalog.format_type(a.atttypid, NULL) FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND NOT a.attisdropped",
        );
        let schema = self.statements.schema().to_owned();
        let query = query.bind(schema).bind(table.table.as_str()).bind(column);
        let rows = self.session.rows(query, DOING).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        row.try_get(0).during(&self.session.server, DOING)
    }

    fn note_changes(&mut self, old: Option<&TableSchema>, new: &TableSchema) {
        let changes = schema_changes(old, new).into_iter().map(|change| change.brought_by(&self.novelties));
        self.schema_changes.extend(changes);
    }
}
