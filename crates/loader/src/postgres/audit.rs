//! Reading the destination as it stands, in one snapshot of the server's.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use arrow::array::RecordBatch;
use async_trait::async_trait;
use clarion_core::{
    Audit, AuditRow, DestinationState, Deviation, Difference, Position, RecordKey, Result, TableName,
    TableSchema,
};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::catalog::{self, Damage, Stored};
use super::errors::{During, Server};
use super::session::Session;
use super::settings::{Deletes, PostgresSettings};
use super::sql::{Statements, index_columns};
use crate::evolve::conform;

/// What tells where a row belongs; without it nothing can be compared.
const PLACING: [&str; 2] = ["_position", "_deleted_at"];
/// Differs with every load.
const NOT_COMPARED: &str = "_loaded_at";

pub(super) struct PostgresAudit {
    session: Session,
    statements: Statements,
    deletes: Deletes,
    state: DestinationState,
    damages: Vec<Damage>,
    staged: BTreeSet<TableName>,
}

/// Opens the snapshot; `state` is filled from it.
pub(super) async fn open(mut session: Session, settings: &PostgresSettings) -> Result<PostgresAudit> {
    session.begin_snapshot().await?;
    let schema = settings.schema.as_str();
    let probe = catalog::probe(&mut session, schema).await?;
    probe.check(&session.server)?;
    let statements = Statements::new(schema.to_owned(), probe.lz4);
    let mut stored = Stored::default();
    if !probe.is_fresh() {
        stored = catalog::read(&mut session, &statements, false).await?;
    }
    let damages = catalog::damages(&mut session, schema, &stored).await?;
    let mut state = DestinationState {
        position: stored.position,
        journal: stored.journal,
        ..DestinationState::default()
    };
    for (table, remembered) in stored.tables {
        state.schemas.insert(table, remembered.schema);
    }
    let staged = BTreeSet::new();
    Ok(PostgresAudit { session, statements, deletes: settings.deletes, state, damages, staged })
}

#[async_trait]
impl Audit for PostgresAudit {
    fn state(&self) -> &DestinationState {
        &self.state
    }

    fn keeps_deleted(&self) -> bool {
        self.deletes == Deletes::Mark
    }

    async fn rows(
        &mut self,
        table: &TableName,
        sink: &mut (dyn for<'r> FnMut(AuditRow<'r>) + Send),
    ) -> Result<()> {
        const DOING: &str = "reading the rows of a table";
        let Some(schema) = self.readable(table) else { return Ok(()) };
        let query = self.statements.read_places(&schema).query();
        let indexes = index_columns(&schema).count();
        let mut index = vec![0; indexes];
        let mut show = |row: &PgRow, server: &Server| -> Result<()> {
            let record: Option<&str> = row.try_get(0).during(server, DOING)?;
            let position: Option<i64> = row.try_get(1).during(server, DOING)?;
            let deleted: bool = row.try_get(2).during(server, DOING)?;
            for (at, index) in index.iter_mut().enumerate() {
                *index = row.try_get::<Option<i64>, _>(3 + at).during(server, DOING)?.unwrap_or(-1);
            }
            let position = position.filter(|packed| *packed >= 0).map(Position::unpack);
            sink(AuditRow { record: record.unwrap_or_default(), index: &index, position, deleted });
            Ok(())
        };
        self.session.each(query, DOING, &mut show).await
    }

    async fn compare(
        &mut self,
        schema: &TableSchema,
        records: &[RecordKey],
        expected: &RecordBatch,
    ) -> Result<Vec<Difference>> {
        const DOING: &str = "comparing rows";
        let Some(stored) = self.readable(&schema.table) else { return Ok(Vec::new()) };
        self.stage(&stored, &conform(expected, &stored)?).await?;
        let columns = self.compared(&stored);
        let keys: Vec<&str> = records.iter().map(RecordKey::as_str).collect();
        let query = self.statements.compare(&stored, &columns).query().bind(keys);
        let rows = self.session.rows(query, DOING).await?;
        let indexes = index_columns(&stored).count();
        rows.iter().map(|row| difference(row, indexes, &self.session.server)).collect()
    }

    fn damages(&self) -> Vec<String> {
        self.damages.iter().map(|damage| damage.error(&self.session).to_string()).collect()
    }

    async fn finish(mut self: Box<Self>) -> Result<()> {
        self.session.plain("ROLLBACK", "ending the audit").await?;
        self.session.close().await;
        Ok(())
    }
}

impl PostgresAudit {
    /// The table's schema, if what places its rows is there.
    fn readable(&self, table: &TableName) -> Option<Arc<TableSchema>> {
        let schema = self.state.schemas.get(table)?;
        let places = |column: &str| {
            PLACING.contains(&column)
                || schema.key.iter().any(|key| key == column)
                || schema.parent.as_deref() == Some(column)
        };
        let spoilt = self.damages.iter().any(|damage| match damage {
            Damage::Table(damaged) => damaged == table,
            Damage::Column(damaged, column) | Damage::Retyped(damaged, column, _) => {
                damaged == table && places(&column.name)
            }
        });
        (!spoilt).then(|| Arc::clone(schema))
    }

    /// The columns that are there in their type.
    fn compared<'s>(&self, schema: &'s TableSchema) -> Vec<&'s str> {
        let mut names: HashMap<&str, bool> = HashMap::new();
        for damage in &self.damages {
            if let Damage::Column(table, column) | Damage::Retyped(table, column, _) = damage
                && *table == schema.table
            {
                names.insert(&column.name, true);
            }
        }
        let columns = schema.columns.iter().map(|column| column.name.as_str());
        columns.filter(|name| *name != NOT_COMPARED && !names.contains_key(name)).collect()
    }

    /// Copies the rows that should be there into a table of this session.
    async fn stage(&mut self, schema: &TableSchema, rows: &RecordBatch) -> Result<()> {
        const DOING: &str = "making a staging table";
        let statement = if self.staged.insert(schema.table.clone()) {
            self.statements.create_stage(schema)
        } else {
            self.statements.clear_stage(&schema.table)
        };
        self.session.run(statement, DOING).await?;
        let copy = self.statements.copy_stage(schema);
        self.session.copy(&copy, rows, schema, "copying rows for comparison").await?;
        Ok(())
    }
}

fn difference(row: &PgRow, indexes: usize, server: &Server) -> Result<Difference> {
    const DOING: &str = "comparing rows";
    let record: String = row.try_get(0).during(server, DOING)?;
    let extra: bool = row.try_get(1).during(server, DOING)?;
    let missing: bool = row.try_get(2).during(server, DOING)?;
    let columns: Vec<String> = row.try_get(3).during(server, DOING)?;
    let index: Result<Vec<i64>> = (0..indexes)
        .map(|at| Ok(row.try_get::<Option<i64>, _>(4 + at).during(server, DOING)?.unwrap_or(-1)))
        .collect();
    let what = match (extra, missing) {
        (true, _) => Deviation::Extra,
        (_, true) => Deviation::Missing,
        _ => Deviation::Columns(columns),
    };
    Ok(Difference { record: RecordKey::parse(record)?, index: index?, what })
}
