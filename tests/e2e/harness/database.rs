//! A database for each test, on the server that `CLARION_TEST_POSTGRES` names; `./test` starts one.

use std::collections::BTreeMap;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};

use super::skip;

const SERVER: &str = "CLARION_TEST_POSTGRES";

/// Dropped with the test.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// `None`, said aloud, where there is no server; in CI that is a failure.
    pub(crate) async fn fresh() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(url) = server_url() else {
            skip("Postgres as a destination", "CLARION_TEST_POSTGRES is not set; run ./test");
            return None;
        };
        let server = PgConnectOptions::from_str(&url).expect("the server's URL is one");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("clarion_e2e_{}_{number}", std::process::id());
        let server = server.disable_statement_logging();
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Some(Self { server, name })
    }

    pub(crate) fn url(&self) -> String {
        let url = server_url().expect("checked in `fresh`");
        let (server, options) = url.split_once('?').unwrap_or((&url, ""));
        let (server, _) = server.rsplit_once('/').expect("the server's URL names a database");
        format!("{server}/{}?{options}", self.name)
    }

    /// A session of its own, as a reader's.
    pub(crate) async fn session(&self) -> PgConnection {
        let options = self.server.clone().database(&self.name);
        options.connect().await.expect("the server is there")
    }

    /// Statements without an answer.
    pub(crate) async fn execute(&self, sql: &str) {
        run(&self.server.clone().database(&self.name), sql).await;
    }

    /// The first column of the first row as text; empty for null.
    pub(crate) async fn text(&self, sql: &str) -> String {
        let mut session = self.session().await;
        let row = session.fetch_one(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
        let row = row.expect("the query runs");
        let text = row.try_get_unchecked::<Option<String>, _>(0);
        text.expect("the first column is text").unwrap_or_default()
    }

    /// The tables of the schema `clari`.
    pub(crate) async fn tables(&self) -> Vec<String> {
        let query = "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'clari' ORDER BY 1";
        let rows = self.rows(query).await;
        rows.iter().filter_map(|row| row["name"].as_str()).map(str::to_owned).collect()
    }

    /// Every row version of every table: a row that was written again has another one.
    pub(crate) async fn versions(&self) -> BTreeMap<String, Vec<Value>> {
        let mut versions = BTreeMap::new();
        for table in self.tables().await {
            let query = format!("SELECT xmin::text, ctid::text FROM clari.\"{table}\" ORDER BY 2");
            versions.insert(table, self.rows(&query).await);
        }
        versions
    }

    /// All rows of a query, as the server itself writes them in JSON.
    pub(crate) async fn rows(&self, query: &str) -> Vec<Value> {
        let all = format!("SELECT coalesce(json_agg(to_jsonb(q)), '[]')::text FROM ({query}) q");
        serde_json::from_str(&self.text(&all).await).expect("the server writes JSON")
    }
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

fn server_url() -> Option<String> {
    std::env::var(SERVER).ok().filter(|url| !url.is_empty())
}

async fn run(server: &PgConnectOptions, sql: &str) {
    let mut session = server.connect().await.expect("the server is there");
    let done = session.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await;
    done.expect("the statement runs");
    let _ = session.close().await;
}
