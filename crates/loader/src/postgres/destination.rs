//! The destination: inspecting it, and beginning loads.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use clarion_core::{
    Audit, Destination, DestinationState, Error, Kind, Load, LoadSpec, PurgeSpec, Result, SchemaChanged,
    TableName, TableSchema, TableStats,
};
use secrecy::ExposeSecret;
use sqlx::ConnectOptions;
use sqlx::postgres::PgConnectOptions;

use super::errors::Server;
use super::session::Session;
use super::settings::PostgresSettings;
use super::sql::Statements;
use super::{audit, begin, catalog, fence, history, purge};

/// Tables in one schema of a PostgreSQL database.
#[derive(Debug)]
pub struct PostgresDestination {
    options: PgConnectOptions,
    server: Server,
    settings: PostgresSettings,
}

impl PostgresDestination {
    /// Checks the settings. The server is reached only by what is asked of it, each time over a connection of its
    /// own, so that one that is down fails its loads and nothing else.
    ///
    /// # Errors
    /// `Config` if the URL or the schema's name cannot be right.
    pub fn connect(name: &str, settings: PostgresSettings) -> Result<Self> {
        let wrong = |text: &str| Error::new(Kind::Config, text).with("destination", name);
        let options = PgConnectOptions::from_str(settings.url.expose_secret()).map_err(|_| {
            // The parser's text may repeat the URL, and with it the password.
            wrong("`url` is not a PostgreSQL URL").hint("write postgres://user:password@host:5432/database")
        })?;
        let longest = 63;
        if settings.schema.is_empty() || settings.schema.len() > longest || settings.schema.contains('\0') {
            return Err(
                wrong("`schema` is not a schema's name").hint("use at most 63 bytes, for instance clari")
            );
        }
        let options = options.application_name("clarion").disable_statement_logging();
        let server = Server::of(name, &options);
        Ok(Self { options, server, settings })
    }

    async fn open(&self) -> Result<Session> {
        Session::open(&self.options, self.server.clone(), self.settings.lock_wait).await
    }
}

#[async_trait]
impl Destination for PostgresDestination {
    fn name(&self) -> &str {
        &self.server.destination
    }

    async fn inspect(&self) -> Result<DestinationState> {
        let mut session = self.open().await?;
        let state = inspect(&mut session, &self.settings.schema).await?;
        session.close().await;
        Ok(state)
    }

    async fn remembered(&self) -> Result<BTreeMap<TableName, Arc<TableSchema>>> {
        let mut session = self.open().await?;
        let probe = catalog::probe(&mut session, &self.settings.schema).await?;
        let mut tables = BTreeMap::new();
        if !probe.is_fresh() {
            let statements = Statements::new(self.settings.schema.clone(), probe.lz4);
            tables = catalog::tables(&mut session, &statements).await?;
        }
        session.close().await;
        Ok(tables.into_iter().map(|(table, remembered)| (table, remembered.schema)).collect())
    }

    async fn schema_history(&self) -> Result<Vec<SchemaChanged>> {
        let mut session = self.open().await?;
        let probe = catalog::probe(&mut session, &self.settings.schema).await?;
        probe.check(&session.server)?;
        let mut changes = Vec::new();
        if !probe.is_fresh() {
            let statements = Statements::new(self.settings.schema.clone(), probe.lz4);
            changes = history::read(&mut session, &statements).await?;
        }
        session.close().await;
        Ok(changes)
    }

    async fn begin(&self, spec: LoadSpec) -> Result<Box<dyn Load>> {
        let mut session = self.open().await?;
        fence::announce(&mut session, &self.settings.schema, spec.fence).await?;
        session.begin().await?;
        let load = begin::load(session, &self.settings, spec).await?;
        Ok(Box::new(load))
    }

    async fn purge(&self, spec: PurgeSpec) -> Result<u64> {
        let session = self.open().await?;
        purge::purge(session, &self.settings.schema, spec).await
    }

    async fn audit(&self) -> Result<Box<dyn Audit>> {
        let session = self.open().await?;
        Ok(Box::new(audit::open(session, &self.settings).await?))
    }
}

async fn inspect(session: &mut Session, schema: &str) -> Result<DestinationState> {
    let probe = catalog::probe(session, schema).await?;
    probe.check(&session.server)?;
    if probe.is_fresh() {
        return Ok(DestinationState::default());
    }
    let statements = Statements::new(schema.to_owned(), probe.lz4);
    let stored = catalog::read(session, &statements, false).await?;
    if let Some(damage) = catalog::damages(session, schema, &stored).await?.first() {
        return Err(damage.error(session));
    }
    let sizes = catalog::sizes(session, schema).await?;
    let mut state = DestinationState {
        position: stored.position,
        journal: stored.journal,
        ..DestinationState::default()
    };
    for (table, remembered) in stored.tables {
        let bytes = sizes.get(table.as_str()).copied().unwrap_or_default();
        state.tables.insert(table.clone(), TableStats { rows: remembered.rows, bytes });
        state.schemas.insert(table, remembered.schema);
    }
    Ok(state)
}
