//! The only place where SQL text is put together at run time, and where values go in and out of statements.
//!
//! Invariant: what is put together are constants of this crate and placeholders; a value is always bound.

use std::borrow::Cow;

use clarion_core::{Timestamp, from_millis};
use sqlx::any::{Any, AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{AnyConnection, Arguments, AssertSqlSafe, Row};

/// Rows a statement, largest first. Few sizes, so that few prepared statements serve every number of rows.
const CHUNKS: [usize; 4] = [256, 32, 4, 1];
/// Keys a lookup statement; shorter lists repeat their last key.
const KEY_CHUNKS: [usize; 3] = [8, 64, 512];

/// U+0000 does not fit Postgres' text: it is written as this character and `0`, the character itself with `1`.
const ESCAPE: char = '\u{E000}';

/// How a statement of many values marks their places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marks {
    /// `$1, $2, …`, as Postgres wants them.
    Numbered,
    /// `?, ?, …`: SQLite takes numbered ones too, but searches a list for each, so that thousands cost milliseconds.
    Plain,
}

impl Marks {
    pub(crate) fn of(connection: &AnyConnection) -> Self {
        if connection.backend_name() == "SQLite" { Self::Plain } else { Self::Numbered }
    }

    fn push(self, text: &mut String, first: usize, count: usize) {
        for number in first..first + count {
            if number > first {
                text.push_str(", ");
            }
            match self {
                Self::Plain => text.push('?'),
                Self::Numbered => {
                    text.push('$');
                    text.push_str(&number.to_string());
                }
            }
        }
    }
}

pub(crate) type Statement = Query<'static, Any, AnyArguments>;

/// An `INSERT` of many rows: the text before `VALUES`, the number of columns, and what follows the rows.
pub(crate) struct Insert {
    pub(crate) into: &'static str,
    pub(crate) columns: usize,
    pub(crate) on_conflict: &'static str,
}

impl Insert {
    /// Inserts all rows in as few statements as the chunk sizes allow.
    pub(crate) async fn run<T>(
        &self,
        connection: &mut AnyConnection,
        mut rows: &[T],
        bind: impl Fn(&mut Binds, &T) + Sync,
    ) -> sqlx::Result<()>
    where
        T: Sync,
    {
        let marks = Marks::of(connection);
        while !rows.is_empty() {
            let size = CHUNKS.into_iter().find(|size| *size <= rows.len()).unwrap_or(1);
            let (chunk, rest) = rows.split_at(size);
            let mut binds = Binds::default();
            for row in chunk {
                bind(&mut binds, row);
            }
            debug_assert_eq!(binds.0.len(), size * self.columns, "each row binds every column");
            binds.query_owned(self.text(marks, size)).execute(&mut *connection).await?;
            rows = rest;
        }
        Ok(())
    }

    fn text(&self, marks: Marks, rows: usize) -> String {
        let mut text = format!("INSERT INTO {} VALUES ", self.into);
        for row in 0..rows {
            text.push_str(if row == 0 { "(" } else { ", (" });
            marks.push(&mut text, row * self.columns + 1, self.columns);
            text.push(')');
        }
        text.push(' ');
        text.push_str(self.on_conflict);
        text
    }
}

/// A statement with the keys of one stream, `{stream}`, which comes first, and `{keys}`.
pub(crate) struct ByKeys(pub(crate) &'static str);

impl ByKeys {
    /// One statement a chunk of keys.
    pub(crate) fn statements(&self, marks: Marks, stream: &str, keys: &[&str]) -> Vec<Statement> {
        let largest = KEY_CHUNKS[KEY_CHUNKS.len() - 1];
        keys.chunks(largest).map(|chunk| self.statement(marks, stream, chunk)).collect()
    }

    fn statement(&self, marks: Marks, stream: &str, keys: &[&str]) -> Statement {
        let size = KEY_CHUNKS.into_iter().find(|size| *size >= keys.len()).unwrap_or(keys.len());
        let mut binds = Binds::default();
        binds.text(stream);
        for index in 0..size {
            binds.text(keys[index.min(keys.len() - 1)]);
        }
        let (mut first, mut list) = (String::new(), String::new());
        marks.push(&mut first, 1, 1);
        marks.push(&mut list, 2, size);
        binds.query_owned(self.0.replace("{stream}", &first).replace("{keys}", &list))
    }
}

/// Values for the placeholders `$1`, `$2`, … in order.
#[derive(Default)]
pub(crate) struct Binds(AnyArguments);

impl Binds {
    pub(crate) fn int(&mut self, value: i64) -> &mut Self {
        self.0.add(value).expect("an integer is always encoded");
        self
    }

    pub(crate) fn opt_int(&mut self, value: Option<i64>) -> &mut Self {
        self.0.add(value).expect("an integer is always encoded");
        self
    }

    pub(crate) fn text(&mut self, value: &str) -> &mut Self {
        self.0.add(&*escape(value)).expect("text is always encoded");
        self
    }

    pub(crate) fn opt_text(&mut self, value: Option<&str>) -> &mut Self {
        self.0.add(value.map(|text| escape(text).into_owned())).expect("text is always encoded");
        self
    }

    pub(crate) fn time(&mut self, value: Timestamp) -> &mut Self {
        self.int(value.timestamp_millis())
    }

    pub(crate) fn opt_time(&mut self, value: Option<Timestamp>) -> &mut Self {
        self.opt_int(value.map(|time| time.timestamp_millis()))
    }

    pub(crate) fn query(&mut self, text: &'static str) -> Statement {
        sqlx::query_with(text, std::mem::take(&mut self.0))
    }

    fn query_owned(&mut self, text: String) -> Statement {
        sqlx::query_with(AssertSqlSafe(text), std::mem::take(&mut self.0))
    }
}

/// Reads the columns of a row by their place.
pub(crate) struct Fields<'a>(pub(crate) &'a AnyRow);

impl Fields<'_> {
    pub(crate) fn int(&self, index: usize) -> sqlx::Result<i64> {
        self.0.try_get(index)
    }

    pub(crate) fn opt_int(&self, index: usize) -> sqlx::Result<Option<i64>> {
        self.0.try_get(index)
    }

    /// A count or a number that was stored from an unsigned one.
    pub(crate) fn count(&self, index: usize) -> sqlx::Result<u64> {
        self.int(index).map(i64::cast_unsigned)
    }

    pub(crate) fn small(&self, index: usize) -> sqlx::Result<u32> {
        u32::try_from(self.int(index)?).map_err(|error| decode_error(index, error))
    }

    pub(crate) fn text(&self, index: usize) -> sqlx::Result<String> {
        self.0.try_get::<String, _>(index).map(unescape)
    }

    pub(crate) fn opt_text(&self, index: usize) -> sqlx::Result<Option<String>> {
        Ok(self.0.try_get::<Option<String>, _>(index)?.map(unescape))
    }

    pub(crate) fn time(&self, index: usize) -> sqlx::Result<Timestamp> {
        self.int(index).map(from_millis)
    }

    pub(crate) fn opt_time(&self, index: usize) -> sqlx::Result<Option<Timestamp>> {
        Ok(self.opt_int(index)?.map(from_millis))
    }

    /// Reads text that one of the vocabulary's types must accept.
    pub(crate) fn parsed<T>(
        &self,
        index: usize,
        parse: impl FnOnce(String) -> clarion_core::Result<T>,
    ) -> sqlx::Result<T> {
        parse(self.text(index)?).map_err(|error| decode_error(index, error))
    }
}

/// A stored value that this program cannot have written.
pub(crate) fn decode_error(
    index: usize,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: index.to_string(), source: source.into() }
}

fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(['\0', ESCAPE]) {
        return Cow::Borrowed(text);
    }
    let escaped = text.replace(ESCAPE, "\u{E000}1").replace('\0', "\u{E000}0");
    Cow::Owned(escaped)
}

fn unescape(text: String) -> String {
    if !text.contains(ESCAPE) {
        return text;
    }
    text.replace("\u{E000}0", "\0").replace("\u{E000}1", "\u{E000}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_postgres_cannot_hold_comes_back_as_it_was() {
        for text in ["plain", "a\0b", "\u{E000}", "\u{E000}0", "\0\u{E000}1\0", "é\u{E000}\0"] {
            let stored = escape(text).into_owned();
            assert!(!stored.contains('\0'), "{text:?}");
            assert_eq!(unescape(stored), text);
        }
    }

    #[test]
    fn placeholders_count_through_all_rows() {
        let insert = Insert { into: "t (a, b)", columns: 2, on_conflict: "ON CONFLICT DO NOTHING" };
        assert_eq!(insert.text(Marks::Plain, 1), "INSERT INTO t (a, b) VALUES (?, ?) ON CONFLICT DO NOTHING");
        assert_eq!(
            insert.text(Marks::Numbered, 2),
            "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING"
        );
    }
}
