//! The database of a destination, and what tests ask of it.

use std::collections::BTreeMap;
use std::ops::Deref;

use clarion_test_postgres::TestDatabase;
use serde_json::Value;

/// Dropped with the test.
pub(crate) struct Database(TestDatabase);

impl Database {
    /// `None`, said aloud, where there is no server; in CI that is a failure.
    pub(crate) async fn fresh() -> Option<Self> {
        TestDatabase::fresh("e2e").await.map(Self)
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

impl Deref for Database {
    type Target = TestDatabase;

    fn deref(&self) -> &TestDatabase {
        &self.0
    }
}
