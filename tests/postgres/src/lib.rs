//! A database for each test, on the server that `CLARION_TEST_POSTGRES` names; `./test` starts one.

#![expect(clippy::disallowed_methods, reason = "tests are configured by their environment")]

use std::io::Write as _;
use std::str::FromStr as _;
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, Row as _};

const SERVER: &str = "CLARION_TEST_POSTGRES";

/// Dropped with the test.
pub struct TestDatabase {
    server: PgConnectOptions,
    name: String,
}

impl TestDatabase {
    /// `None`, said aloud, where there is no server; in CI that is a failure.
    pub async fn fresh(prefix: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(url) = server_url() else {
            assert!(std::env::var_os("CI").is_none(), "{SERVER} is not set; run ./test");
            // Past the test harness, which hides what a passing test prints.
            let _ =
                writeln!(std::io::stderr(), "SKIPPED: PostgreSQL, because {SERVER} is not set; run ./test");
            return None;
        };
        let server = PgConnectOptions::from_str(&url).expect("the server's URL is one");
        let server = server.disable_statement_logging();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("clarion_{prefix}_{}_{number}", std::process::id());
        run(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")).await;
        Some(Self { server, name })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn url(&self) -> String {
        let url = server_url().expect("checked in `fresh`");
        let (server, options) = url.split_once('?').unwrap_or((&url, ""));
        let (server, _) = server.rsplit_once('/').expect("the server's URL names a database");
        format!("{server}/{}?{options}", self.name)
    }

    /// A session of its own, as a reader's.
    pub async fn session(&self) -> PgConnection {
        self.server.clone().database(&self.name).connect().await.expect("the server is there")
    }

    /// Statements without an answer.
    pub async fn run(&self, sql: &str) {
        run(&self.server.clone().database(&self.name), sql).await;
    }

    /// The first column of the first row as text; empty for null.
    pub async fn text(&self, sql: &str) -> String {
        first(&mut self.session().await, sql).await
    }
}

/// The first column of the first row as text; empty for null.
pub async fn first(session: &mut PgConnection, sql: &str) -> String {
    let row = session.fetch_one(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("the query runs");
    row.try_get_unchecked::<Option<String>, _>(0).expect("the first column is text").unwrap_or_default()
}

impl Drop for TestDatabase {
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
