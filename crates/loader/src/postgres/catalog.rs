//! What the destination remembers of itself, compared with what the server really has.

use std::collections::BTreeMap;
use std::sync::Arc;

use clarion_core::{
    Column, Error, Fence, JournalId, Kind, LoadSpec, Position, Result, TableName, TableSchema,
};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::columns::PgType;
use super::errors::{During, Server};
use super::session::Session;
use super::sql::Statements;

const DOING: &str = "reading what was loaded";

pub(super) const METADATA_TABLES: [&str; 4] =
    ["_clarion_position", "_clarion_tables", "_clarion_loads", "_clarion_schema_changes"];

/// What the server can and has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) schema: bool,
    /// How many of our metadata tables are there.
    metadata: i64,
    /// Whether the metadata can say which journal a position is one in.
    pub(super) journal: bool,
    /// Whether the metadata can say which record brought a change.
    pub(super) record: bool,
    /// Whether there is a place for announced fences.
    pub(super) fence: bool,
    pub(super) lz4: bool,
}

/// The metadata tables' content.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) position: Position,
    pub(super) journal: Option<JournalId>,
    pub(super) fence: Fence,
    pub(super) tables: BTreeMap<TableName, Remembered>,
    /// What this very load has changed in tables before it began again, in words.
    pub(super) noted: Vec<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Remembered {
    pub(super) schema: Arc<TableSchema>,
    pub(super) rows: u64,
    /// Whether it lacks its primary key.
    pub(super) keyless: bool,
}

/// A difference that somebody made by hand.
#[derive(Debug, Clone)]
pub(super) enum Damage {
    Table(TableName),
    Column(TableName, Column),
    Retyped(TableName, Column, String),
}

/// Types by column by table.
type Actual = BTreeMap<String, BTreeMap<String, String>>;

pub(super) async fn probe(session: &mut Session, schema: &str) -> Result<Probe> {
    let query = sqlx::query(
        "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1), \
                (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
                 WHERE n.nspname = $1 AND c.relname = ANY ($2)), \
                EXISTS (SELECT 1 FROM pg_catalog.pg_settings \
                        WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)), \
                EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a \
                        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relname = '_clarion_position' \
                        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 \
                        WHERE a.attname = 'journal' AND NOT a.attisdropped), \
                EXISTS (SELECT 1 FROM pg_catalog.pg_class c \
                        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 \
                        WHERE c.relname = '_clarion_fence'), \
                EXISTS (SELECT 1 FROM pg_catalog.pg_attribute a \
                        JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relname = '_clarion_schema_changes' \
                        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 \
                        WHERE a.attname = 'record' AND NOT a.attisdropped)",
    );
    let metadata = METADATA_TABLES.as_slice();
    let rows = session.rows(query.bind(schema).bind(metadata), DOING).await?;
    let row = rows.first().ok_or_else(|| session.server.error(DOING, sqlx::Error::RowNotFound))?;
    let get = |index: usize| row.try_get::<bool, _>(index).during(&session.server, DOING);
    let metadata = row.try_get(1).during(&session.server, DOING)?;
    Ok(Probe { schema: get(0)?, metadata, lz4: get(2)?, journal: get(3)?, fence: get(4)?, record: get(5)? })
}

impl Probe {
    /// Whether nothing was ever loaded, or the schema was wiped.
    pub(super) fn is_fresh(self) -> bool {
        self.metadata == 0
    }

    pub(super) fn is_whole(self) -> bool {
        usize::try_from(self.metadata).is_ok_and(|found| found == METADATA_TABLES.len())
    }

    /// Some metadata tables are there and others are not.
    pub(super) fn check(self, server: &Server) -> Result<()> {
        if self.is_fresh() || self.is_whole() {
            return Ok(());
        }
        Err(Error::new(Kind::Conflict, "a metadata table was dropped by hand")
            .with("destination", &server.destination)
            .with("expected", METADATA_TABLES.join(", "))
            .hint(server.replay()))
    }
}

/// `lock`: nobody else may change the position until the transaction ends.
pub(super) async fn read(session: &mut Session, statements: &Statements, lock: bool) -> Result<Stored> {
    let mut stored = Stored::default();
    let positions = session.rows(statements.read_position(lock).query(), DOING).await?;
    if let Some(row) = positions.first() {
        let position: i64 = row.try_get(0).during(&session.server, DOING)?;
        let fence: i64 = row.try_get(1).during(&session.server, DOING)?;
        stored.position = Position::unpack(position);
        stored.fence = fence.cast_unsigned();
        let journal: Option<String> = row.try_get(2).during(&session.server, DOING)?;
        stored.journal = journal.map(JournalId::parse).transpose()?;
    }
    stored.tables = tables(session, statements).await?;
    Ok(stored)
}

/// The tables that were made, whatever became of them.
pub(super) async fn tables(
    session: &mut Session,
    statements: &Statements,
) -> Result<BTreeMap<TableName, Remembered>> {
    let mut tables = BTreeMap::new();
    for row in session.rows(statements.read_tables().query(), DOING).await? {
        let remembered = remembered(session, &row)?;
        tables.insert(remembered.schema.table.clone(), remembered);
    }
    Ok(tables)
}

/// What a load changed in transactions of its own, in words.
pub(super) async fn noted(
    session: &mut Session,
    statements: &Statements,
    spec: &LoadSpec,
) -> Result<Vec<String>> {
    let query = statements
        .read_changes_of()
        .query()
        .bind(spec.run_id.as_str())
        .bind(spec.loaded_at)
        .bind(spec.from.pack())
        .bind(spec.replace);
    let rows = session.rows(query, DOING).await?;
    rows.iter().map(|row| row.try_get(0).during(&session.server, DOING)).collect()
}

/// What differs from the schemas remembered. Columns that somebody added are no damage.
pub(super) async fn damages(session: &mut Session, schema: &str, stored: &Stored) -> Result<Vec<Damage>> {
    let actual = actual(session, schema).await?;
    let mut damages = Vec::new();
    for (table, remembered) in &stored.tables {
        let Some(columns) = actual.get(table.as_str()) else {
            damages.push(Damage::Table(table.clone()));
            continue;
        };
        for column in &remembered.schema.columns {
            match columns.get(&column.name) {
                None => damages.push(Damage::Column(table.clone(), column.clone())),
                Some(found) if found != PgType::of(&column.kind).name() => {
                    damages.push(Damage::Retyped(table.clone(), column.clone(), found.clone()));
                }
                Some(_) => {}
            }
        }
    }
    Ok(damages)
}

/// Finds the tables whose primary key somebody dropped, or a rebuild for the sake of another.
pub(super) async fn find_keyless(session: &mut Session, schema: &str, stored: &mut Stored) -> Result<()> {
    let query = sqlx::query(
        "SELECT c.relname::text FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT EXISTS \
           (SELECT 1 FROM pg_catalog.pg_constraint p WHERE p.conrelid = c.oid AND p.contype = 'p')",
    );
    for row in session.rows(query.bind(schema), DOING).await? {
        let name: String = row.try_get(0).during(&session.server, DOING)?;
        for (_, table) in stored.tables.iter_mut().filter(|(table, _)| table.as_str() == name) {
            table.keyless = true;
        }
    }
    Ok(())
}

/// The table's and its indexes' bytes, long values included.
pub(super) async fn sizes(session: &mut Session, schema: &str) -> Result<BTreeMap<String, u64>> {
    let query = sqlx::query(
        "SELECT c.relname::text, pg_catalog.pg_total_relation_size(c.oid) FROM pg_catalog.pg_class c \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')",
    );
    let mut sizes = BTreeMap::new();
    for row in session.rows(query.bind(schema), DOING).await? {
        let name: String = row.try_get(0).during(&session.server, DOING)?;
        let bytes: Option<i64> = row.try_get(1).during(&session.server, DOING)?;
        sizes.insert(name, bytes.unwrap_or_default().cast_unsigned());
    }
    Ok(sizes)
}

impl Damage {
    pub(super) fn error(&self, session: &Session) -> Error {
        let replay = session.server.replay();
        let error = |text: &str, table: &TableName| {
            Error::new(Kind::Conflict, text)
                .with("destination", &session.server.destination)
                .with("table", table)
        };
        match self {
            Self::Table(table) => error("a table was dropped by hand", table).hint(replay),
            Self::Column(table, column) => error("a column was dropped by hand", table)
                .with("column", &column.name)
                .hint(format!("add it back as {}, or {replay}", PgType::of(&column.kind).name())),
            Self::Retyped(table, column, found) => error("a column's type was changed by hand", table)
                .with("column", &column.name)
                .with("expected", PgType::of(&column.kind).name())
                .with("found", found)
                .hint(format!("change it back, or {replay}")),
        }
    }
}

async fn actual(session: &mut Session, schema: &str) -> Result<Actual> {
    let query = sqlx::query(
        "SELECT c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, NULL) \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE n.nspname = $1 AND c.relkind IN ('r', 'p')",
    );
    let mut actual = Actual::new();
    for row in session.rows(query.bind(schema), DOING).await? {
        let get = |index: usize| row.try_get::<String, _>(index).during(&session.server, DOING);
        actual.entry(get(0)?).or_default().insert(get(1)?, get(2)?);
    }
    Ok(actual)
}

fn remembered(session: &Session, row: &PgRow) -> Result<Remembered> {
    let table: String = row.try_get(0).during(&session.server, DOING)?;
    let schema: String = row.try_get(1).during(&session.server, DOING)?;
    let rows: i64 = row.try_get(2).during(&session.server, DOING)?;
    let schema: TableSchema = serde_json::from_str(&schema).map_err(|error| {
        Error::new(Kind::Corrupt, "the remembered schema of a table cannot be read")
            .with("destination", &session.server.destination)
            .with("table", table)
            .hint(session.server.replay())
            .source(error)
    })?;
    Ok(Remembered { schema: Arc::new(schema), rows: rows.max(0).cast_unsigned(), keyless: false })
}
