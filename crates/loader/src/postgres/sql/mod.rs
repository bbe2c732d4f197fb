//! The one place where statements are put together: names go through [`Ident`], values through parameters.

mod audit;
mod ddl;
mod merge;
mod metadata;
mod recast;
mod shadow;

use std::fmt;

use clarion_core::{TableName, TableSchema};
use sqlx::postgres::PgArguments;
use sqlx::{AssertSqlSafe, Postgres};

pub(super) use audit::index_columns;
pub(super) use recast::rewrites;
pub(super) use shadow::Shadow;

/// A statement made in this folder.
#[derive(Debug, Clone)]
pub(super) struct Sql(String);

/// A quoted identifier.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ident<'a>(pub(super) &'a str);

/// Makes the statements on one schema.
#[derive(Debug, Clone)]
pub(super) struct Statements {
    schema: String,
    /// Whether the server can compress with lz4, which costs a third of its default.
    lz4: bool,
}

impl Sql {
    /// For statements without parameters: the simple protocol, which needs one round trip.
    pub(super) fn raw(self) -> sqlx::RawSql {
        sqlx::raw_sql(AssertSqlSafe(self.0))
    }

    /// For statements with parameters. Not kept prepared: a load's statements differ by table and schema.
    pub(super) fn query<'q>(self) -> sqlx::query::Query<'q, Postgres, PgArguments> {
        sqlx::query(AssertSqlSafe(self.0)).persistent(false)
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// A statement that the server itself put together from its catalogue.
    pub(super) fn of_server(text: String) -> Self {
        Self(text)
    }
}

impl Statements {
    pub(super) fn new(schema: String, lz4: bool) -> Self {
        Self { schema, lz4 }
    }

    pub(super) fn schema(&self) -> &str {
        &self.schema
    }

    /// The table's name with its schema.
    fn table(&self, table: &TableName) -> String {
        self.qualified(table.as_str())
    }

    fn qualified(&self, name: &str) -> String {
        format!("{}.{}", Ident(&self.schema), Ident(name))
    }
}

impl fmt::Display for Ident<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The server ends a name at NUL; nothing after it may be read as SQL.
        let name = self.0.split('\0').next().unwrap_or_default();
        write!(f, "\"{}\"", name.replace('"', "\"\""))
    }
}

/// The names, quoted and separated by commas.
fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| Ident(name).to_string()).collect();
    quoted.join(", ")
}

fn all_columns(schema: &TableSchema) -> String {
    list(schema.columns.iter().map(|column| column.name.as_str()))
}

/// A text constant.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(Ident(r#"a" ; drop table b; --"#).to_string(), r#""a"" ; drop table b; --""#);
        assert_eq!(Ident("a\0b").to_string(), "\"a\"");
        assert_eq!(literal("it's"), "'it''s'");
    }
}
