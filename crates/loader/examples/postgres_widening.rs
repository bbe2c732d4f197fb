//! What a widening costs those who read: a million rows, with an index and a view on the column, while another session
//! reads in a loop. `CLARION_TEST_POSTGRES=postgres://… cargo run --release -p clarion-loader --example
//! postgres_widening` leaves its tables in the schema `clarion_widening`, which is dropped first.

use std::str::FromStr as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clarion_core::testing::destination::{Call, Script};
use clarion_core::{Destination, Position};
use clarion_loader::{PostgresDestination, PostgresSettings};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

/// Whatever goes wrong ends it.
type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const ROWS: u32 = 1_000_000;
const ONE: Position = Position { segment: 1, line: 99 };
const TWO: Position = Position { segment: 2, line: 99 };
const JANUARY: &str = "2026-01-02T10:00:00Z";

#[tokio::main]
async fn main() -> Outcome<()> {
    let url =
        std::env::var_os("CLARION_TEST_POSTGRES").and_then(|url| url.into_string().ok()).unwrap_or_default();
    let mut settings = PostgresSettings::new(url.clone());
    settings.schema = "clarion_widening".to_owned();
    let mut session = PgConnectOptions::from_str(&url)?.disable_statement_logging().connect().await?;
    run(&mut session, "DROP SCHEMA IF EXISTS clarion_widening CASCADE").await?;
    let destination = PostgresDestination::connect("widening", settings)?;
    load(&destination, &Script::new(Position::START, vec![Call::new("a", JANUARY, 2)]), ONE).await?;
    run(
        &mut session,
        &format!(
            "INSERT INTO clarion_widening.calls (id, time, title, score, _position) \
             SELECT 'c' || n, '2026-01-01', 'call ' || n, n, 1 FROM generate_series(1, {ROWS}) n; \
             CREATE VIEW clarion_widening.scores AS SELECT id, score FROM clarion_widening.calls; \
             CREATE INDEX ON clarion_widening.calls (score); ANALYZE clarion_widening.calls"
        ),
    )
    .await?;
    let stop = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn(read(url, stop.clone()));
    let call = Call::new("z", JANUARY, 12).field("score", json!("high"));
    let begun = Instant::now();
    load(&destination, &Script::new(ONE, vec![call]).widened(), TWO).await?;
    let seconds = begun.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    let mut waits = reader.await??;
    waits.sort_unstable();
    let at =
        |share: usize| waits.get(waits.len() * share / 100).or(waits.last()).copied().unwrap_or_default();
    println!("{ROWS} rows widened from bigint to text in {seconds:.1} s, an index and a view on the column");
    println!(
        "{} reads meanwhile: median {:?}, 99 % {:?}, longest {:?}",
        waits.len(),
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

async fn load(destination: &PostgresDestination, script: &Script, to: Position) -> Outcome<()> {
    let mut load = destination.begin(script.announced()).await?;
    load.write(script.change()).await?;
    load.commit(to).await?;
    Ok(())
}

/// How long each read took.
async fn read(url: String, stop: Arc<AtomicBool>) -> Outcome<Vec<Duration>> {
    let mut session = PgConnectOptions::from_str(&url)?.disable_statement_logging().connect().await?;
    let mut waits = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        run(&mut session, "SELECT score FROM clarion_widening.scores WHERE id IN ('c7', 'c9')").await?;
        waits.push(begun.elapsed());
    }
    Ok(waits)
}

async fn run(session: &mut PgConnection, sql: &str) -> Outcome<()> {
    session.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await?;
    Ok(())
}
