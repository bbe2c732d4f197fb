//! A database for each test, on the server that `CLARION_TEST_POSTGRES` names; `./test` starts one.

use std::io::Write as _;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clarion_core::testing::destination::{Readback, parents};
use clarion_core::{ColumnType, Destination, Timestamp, format_timestamp, parse_timestamp};
use clarion_loader::{Deletes, PostgresDestination, PostgresSettings};
use serde_json::{Map, Value};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};

const SERVER: &str = "CLARION_TEST_POSTGRES";

/// Dropped with the test.
pub(crate) struct Database {
    server: PgConnectOptions,
    pub(crate) name: String,
    pub(crate) deletes: Deletes,
    pub(crate) lock_wait: Duration,
}

impl Database {
    /// `None`, said aloud, where there is no server; in CI that is a failure.
    pub(crate) async fn fresh() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(url) = std::env::var_os(SERVER) else {
            assert!(std::env::var_os("CI").is_none(), "{SERVER} is not set; run ./test");
            // Past the test harness, which hides what a passing test prints.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: a PostgreSQL test, because {SERVER} is not set; run ./test"
            );
            return None;
        };
        let url = url.into_string().expect("the server's URL is text");
        let server =
            PgConnectOptions::from_str(&url).expect("the server's URL is one").disable_statement_logging();
        let name = format!("clarion_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Some(Self { server, name, deletes: Deletes::Mark, lock_wait: Duration::from_secs(30) })
    }

    pub(crate) fn url(&self) -> String {
        let url =
            std::env::var_os(SERVER).and_then(|url| url.into_string().ok()).expect("checked in `fresh`");
        let (server, options) = url.split_once('?').unwrap_or((&url, ""));
        let (server, _) = server.rsplit_once('/').expect("the server's URL names a database");
        format!("{server}/{}?{options}", self.name)
    }

    pub(crate) fn destination(&self) -> PostgresDestination {
        let mut settings = PostgresSettings::new(self.url());
        settings.deletes = self.deletes;
        settings.lock_wait = self.lock_wait;
        PostgresDestination::connect("warehouse", settings).expect("the settings are right")
    }

    /// A session of its own, as a reader's.
    pub(crate) async fn session(&self) -> PgConnection {
        self.server.clone().database(&self.name).connect().await.expect("the server is there")
    }

    pub(crate) async fn run(&self, sql: &str) {
        run(&self.server.clone().database(&self.name), sql).await;
    }

    /// The first column of the first row, as text.
    pub(crate) async fn text(&self, sql: &str) -> String {
        first(&mut self.session().await, sql).await
    }
}

pub(crate) async fn first(session: &mut PgConnection, sql: &str) -> String {
    let row = session.fetch_one(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("the query runs");
    row.try_get_unchecked::<Option<String>, _>(0).expect("the first column is text").unwrap_or_default()
}

async fn run(server: &PgConnectOptions, sql: &str) {
    let mut session = server.connect().await.expect("the server is there");
    session.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("the statement runs");
    let _ = session.close().await;
}

impl Drop for Database {
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let drop = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
            runtime.expect("a runtime starts").block_on(run(&server, &drop));
        });
        let _ = drop.join();
    }
}

#[async_trait]
impl Readback for Database {
    async fn open(&self) -> Box<dyn Destination> {
        Box::new(self.destination())
    }

    async fn rows(&self, table: &str) -> Vec<Value> {
        let mut session = self.session().await;
        let there = first(&mut session, &format!("SELECT to_regclass('clari.{table}')::text")).await;
        if there.is_empty() {
            return Vec::new();
        }
        let all = format!("SELECT coalesce(json_agg(to_jsonb(t)), '[]')::text FROM clari.{table} t");
        let rows: Vec<Map<String, Value>> =
            serde_json::from_str(&first(&mut session, &all).await).expect("the server writes JSON");
        rows.into_iter().map(spelled).collect()
    }
}

/// The server's row in the suite's spelling: its times, and the nulls that we leave out of nested values.
fn spelled(mut row: Map<String, Value>) -> Value {
    for (name, value) in &mut row {
        if name.ends_with("_at") || name.ends_with("time") {
            let time: Option<Timestamp> = value.as_str().and_then(parse_timestamp);
            *value = time.map(format_timestamp).into();
        }
        if let (Value::Object(fields), Some(ColumnType::Struct(wanted))) =
            (value, parents().column(name).map(|column| column.kind.clone()))
        {
            for (name, _) in wanted {
                fields.entry(name).or_insert(Value::Null);
            }
        }
    }
    Value::Object(row)
}
