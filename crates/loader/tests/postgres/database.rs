//! A destination in a database of its own, and how the suite reads it back.

use std::ops::Deref;
use std::time::Duration;

use async_trait::async_trait;
use clarion_core::testing::destination::{Readback, parents};
use clarion_core::{ColumnType, Destination, Timestamp, format_timestamp, parse_timestamp};
use clarion_loader::{Deletes, PostgresDestination, PostgresSettings};
use clarion_test_postgres::TestDatabase;
pub(crate) use clarion_test_postgres::first;
use serde_json::{Map, Value};

/// Dropped with the test.
pub(crate) struct Database {
    database: TestDatabase,
    pub(crate) deletes: Deletes,
    pub(crate) lock_wait: Duration,
}

impl Database {
    /// `None`, said aloud, where there is no server; in CI that is a failure.
    pub(crate) async fn fresh() -> Option<Self> {
        let database = TestDatabase::fresh("load").await?;
        Some(Self { database, deletes: Deletes::Mark, lock_wait: Duration::from_secs(30) })
    }

    pub(crate) fn destination(&self) -> PostgresDestination {
        let mut settings = PostgresSettings::new(self.url());
        settings.deletes = self.deletes;
        settings.lock_wait = self.lock_wait;
        PostgresDestination::connect("warehouse", settings).expect("the settings are right")
    }
}

impl Deref for Database {
    type Target = TestDatabase;

    fn deref(&self) -> &TestDatabase {
        &self.database
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
