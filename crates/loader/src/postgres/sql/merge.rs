//! Rows: merged, deleted, marked.

use clarion_core::{TableName, TableSchema};

use super::{Ident, Sql, Statements, all_columns, ddl::stage, list};
use crate::postgres::columns::PgType;

impl Statements {
    /// Merges the staged rows by key. An older version of a record changes nothing, and an equal one only `again`. Gives
    /// the key of every row that was written, and whether it is new.
    pub(in crate::postgres) fn merge(&self, schema: &TableSchema, again: bool) -> Sql {
        let before = if again { "<=" } else { "<" };
        let columns = all_columns(schema);
        let key = list(schema.key.iter().map(String::as_str));
        let assignments: Vec<String> = schema
            .columns
            .iter()
            .filter(|column| !schema.key.contains(&column.name))
            .map(|column| format!("{0} = excluded.{0}", Ident(&column.name)))
            .collect();
        let returned = Ident(schema.key.first().map_or("_position", String::as_str)).to_string();
        Sql(format!(
            "INSERT INTO {table} AS kept ({columns}) SELECT {columns} FROM {stage} \
             ON CONFLICT ({key}) DO UPDATE SET {assignments} WHERE kept._position {before} excluded._position \
             RETURNING kept.{returned}::text AS key, kept.xmax = 0 AS inserted",
            table = self.table(&schema.table),
            stage = stage(&schema.table),
            assignments = assignments.join(", "),
        ))
    }

    /// Deletes the rows of the parents in `$1`.
    pub(in crate::postgres) fn delete_children(&self, schema: &TableSchema) -> Sql {
        let parent = parent_column(schema);
        let keys = key_array(schema, parent, 1);
        Sql(format!("DELETE FROM {} WHERE {} = ANY ({keys})", self.table(&schema.table), Ident(parent)))
    }

    /// Marks the rows of the keys in `$1` with the times `$2`, positions `$3`, runs `$4`, loaded at `$5`.
    pub(in crate::postgres) fn mark_deleted(&self, schema: &TableSchema) -> Sql {
        let parent = parent_column(schema);
        let keys = key_array(schema, parent, 1);
        Sql(format!(
            "UPDATE {table} AS kept SET _deleted_at = gone.at, _position = gone.position, _run_id = gone.run, \
             _loaded_at = $5 \
             FROM unnest({keys}, $2::timestamptz[], $3::bigint[], $4::text[]) AS gone (key, at, position, run) \
             WHERE kept.{key} = gone.key AND kept._position < gone.position",
            table = self.table(&schema.table),
            key = Ident(parent),
        ))
    }

    /// Deletes the rows of the keys in `$1` that are not newer than the positions `$2`: the rows of a record that comes
    /// with its deletion have the deletion's position.
    pub(in crate::postgres) fn remove_deleted(&self, schema: &TableSchema) -> Sql {
        let parent = parent_column(schema);
        let keys = key_array(schema, parent, 1);
        Sql(format!(
            "DELETE FROM {table} AS kept USING unnest({keys}, $2::bigint[]) AS gone (key, position) \
             WHERE kept.{key} = gone.key AND kept._position <= gone.position",
            table = self.table(&schema.table),
            key = Ident(parent),
        ))
    }

    /// Gives the space of deleted rows, and the bytes in it, back to be written over. Not within a transaction.
    pub(in crate::postgres) fn vacuum(&self, table: &TableName) -> Sql {
        Sql(format!("VACUUM {}", self.table(table)))
    }

    /// Not TRUNCATE: that would take the rows from under those who read them.
    pub(in crate::postgres) fn delete_all(&self, table: &TableName) -> Sql {
        Sql(format!("DELETE FROM {}", self.table(table)))
    }

    pub(in crate::postgres) fn has_rows(&self, table: &TableName) -> Sql {
        Sql(format!("SELECT EXISTS (SELECT 1 FROM {}) AS found", self.table(table)))
    }
}

/// The column that holds a record's key: the parent's in a child table.
pub(super) fn parent_column(schema: &TableSchema) -> &str {
    schema.parent.as_deref().or(schema.key.first().map(String::as_str)).unwrap_or("_position")
}

/// Parameter `number`, an array of record keys, in the type of the key's column.
pub(super) fn key_array(schema: &TableSchema, column: &str, number: usize) -> String {
    let pg = schema.column(column).map_or(PgType::Text, |column| PgType::of(&column.kind));
    match pg {
        PgType::Text => format!("${number}::text[]"),
        other => format!("${number}::text[]::{}[]", other.name()),
    }
}
