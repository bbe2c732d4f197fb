//! The tables that tell what was loaded, and the server's own catalogue.

use super::{Sql, Statements};

impl Statements {
    pub(in crate::postgres) fn create_metadata(&self) -> Sql {
        Sql(format!(
            "CREATE TABLE IF NOT EXISTS {position} (\
               only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), \
               position bigint NOT NULL, journal text, fence bigint NOT NULL, loaded_at timestamptz NOT NULL); \
             CREATE TABLE IF NOT EXISTS {tables} (\"table\" text PRIMARY KEY, schema json NOT NULL, rows bigint NOT NULL); \
             CREATE TABLE IF NOT EXISTS {loads} (run text NOT NULL, position bigint NOT NULL, \"table\" text NOT NULL, \
               rows bigint NOT NULL, bytes bigint NOT NULL, seconds double precision NOT NULL, \
               loaded_at timestamptz NOT NULL); \
             CREATE TABLE IF NOT EXISTS {changes} (run text NOT NULL, position bigint NOT NULL, \"table\" text NOT NULL, \
               change text NOT NULL, loaded_at timestamptz NOT NULL, stream text, \"column\" text, from_type text, \
               to_type text, record bigint)",
            position = self.position_table(),
            tables = self.qualified("_clarion_tables"),
            loads = self.qualified("_clarion_loads"),
            changes = self.qualified("_clarion_schema_changes"),
        ))
    }

    /// Beside the position: its row is locked by a load under way, and a later writer must be able to say that it is
    /// there.
    pub(in crate::postgres) fn create_fence(&self) -> Sql {
        Sql(format!(
            "CREATE TABLE {} (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), fence bigint NOT NULL)",
            self.fence_table()
        ))
    }

    /// `$1` fence. Gives the highest that was announced.
    pub(in crate::postgres) fn announce_fence(&self) -> Sql {
        Sql(format!(
            "INSERT INTO {} AS announced (fence) VALUES ($1) ON CONFLICT (only_row) \
             DO UPDATE SET fence = greatest(announced.fence, excluded.fence) RETURNING fence",
            self.fence_table(),
        ))
    }

    /// The highest fence that was announced; whoever announces a higher one now waits for this transaction's end.
    pub(in crate::postgres) fn read_fence(&self) -> Sql {
        Sql(format!("SELECT fence FROM {} FOR SHARE", self.fence_table()))
    }

    fn fence_table(&self) -> String {
        self.qualified("_clarion_fence")
    }

    pub(in crate::postgres) fn read_position(&self, lock: bool) -> Sql {
        let lock = if lock { " FOR UPDATE" } else { "" };
        // Read as JSON, since what an earlier version made has no column `journal`.
        let position = self.position_table();
        Sql(format!("SELECT position, fence, to_jsonb(p) ->> 'journal' FROM {position} p{lock}"))
    }

    pub(in crate::postgres) fn add_journal(&self) -> Sql {
        Sql(format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS journal text", self.position_table()))
    }

    /// `$1` position, `$2` journal, `$3` fence, `$4` loaded at.
    pub(in crate::postgres) fn write_position(&self) -> Sql {
        Sql(format!(
            "INSERT INTO {} (position, journal, fence, loaded_at) VALUES ($1, $2, $3, $4) ON CONFLICT (only_row) \
             DO UPDATE SET position = excluded.position, journal = excluded.journal, fence = excluded.fence, \
             loaded_at = excluded.loaded_at",
            self.position_table(),
        ))
    }

    pub(in crate::postgres) fn read_tables(&self) -> Sql {
        let tables = self.qualified("_clarion_tables");
        Sql(format!("SELECT \"table\", schema::text AS schema, rows FROM {tables}"))
    }

    /// `$1` table, `$2` schema, `$3` rows.
    pub(in crate::postgres) fn write_table(&self) -> Sql {
        Sql(format!(
            "INSERT INTO {} (\"table\", schema, rows) VALUES ($1, $2::json, $3) \
             ON CONFLICT (\"table\") DO UPDATE SET schema = excluded.schema, rows = excluded.rows",
            self.qualified("_clarion_tables"),
        ))
    }

    /// `$1` table, `$2` schema.
    pub(in crate::postgres) fn write_schema(&self) -> Sql {
        let tables = self.qualified("_clarion_tables");
        Sql(format!("UPDATE {tables} SET schema = $2::json WHERE \"table\" = $1"))
    }

    /// `$1` run, `$2` loaded at, `$3` position, `$4` whether it is a rebuild: what loads from there changed in transactions
    /// of their own, and none has told. Of a rebuild, for which every position is a later one, only what itself changed.
    pub(in crate::postgres) fn read_changes_of(&self) -> Sql {
        let changes = self.qualified("_clarion_schema_changes");
        Sql(format!(
            "SELECT change FROM {changes} WHERE position > $3 AND (NOT $4 OR run = $1 AND loaded_at = $2) \
             ORDER BY loaded_at, change"
        ))
    }

    /// `$1` position: what was changed before a load that ends there is told by it.
    pub(in crate::postgres) fn settle_changes(&self) -> Sql {
        let changes = self.qualified("_clarion_schema_changes");
        Sql(format!("UPDATE {changes} SET position = $1 WHERE position > $1"))
    }

    /// `$1` table.
    pub(in crate::postgres) fn forget_table(&self) -> Sql {
        Sql(format!("DELETE FROM {} WHERE \"table\" = $1", self.qualified("_clarion_tables")))
    }

    /// `$1` run, `$2` position, `$3` table, `$4` rows, `$5` bytes, `$6` seconds, `$7` loaded at.
    pub(in crate::postgres) fn write_load(&self) -> Sql {
        Sql(format!(
            "INSERT INTO {} (run, position, \"table\", rows, bytes, seconds, loaded_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
            self.qualified("_clarion_loads"),
        ))
    }

    /// For what an earlier version made.
    pub(in crate::postgres) fn add_change_columns(&self) -> Sql {
        Sql(format!(
            "ALTER TABLE {} ADD COLUMN IF NOT EXISTS stream text, ADD COLUMN IF NOT EXISTS \"column\" text, \
             ADD COLUMN IF NOT EXISTS from_type text, ADD COLUMN IF NOT EXISTS to_type text, \
             ADD COLUMN IF NOT EXISTS record bigint",
            self.changes_table(),
        ))
    }

    /// `$1` run, `$2` position, `$3` table, `$4` change, `$5` loaded at, `$6` stream, `$7` column, `$8` its type before,
    /// `$9` and after, `$10` the position of the record that brought it.
    pub(in crate::postgres) fn write_schema_change(&self) -> Sql {
        Sql(format!("{} VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)", self.insert_changes()))
    }

    /// As `write_schema_change`, for a column that a contract keeps out, unless that is known.
    pub(in crate::postgres) fn write_left_out(&self) -> Sql {
        Sql(format!(
            "{} SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10 \
             WHERE NOT EXISTS (SELECT 1 FROM {} WHERE \"table\" = $3 AND \"column\" = $7 AND to_type IS NULL)",
            self.insert_changes(),
            self.changes_table(),
        ))
    }

    /// Read as JSON, since what an earlier version made has fewer columns.
    pub(in crate::postgres) fn read_schema_changes(&self) -> Sql {
        Sql(format!(
            "SELECT loaded_at, run, \"table\", change, to_jsonb(c) ->> 'stream', to_jsonb(c) ->> 'column', \
             to_jsonb(c) ->> 'from_type', to_jsonb(c) ->> 'to_type', (to_jsonb(c) ->> 'record')::bigint \
             FROM {} c ORDER BY loaded_at, position, \"table\", change",
            self.changes_table(),
        ))
    }

    fn insert_changes(&self) -> String {
        let columns =
            "run, position, \"table\", change, loaded_at, stream, \"column\", from_type, to_type, record";
        format!("INSERT INTO {} ({columns})", self.changes_table())
    }

    fn changes_table(&self) -> String {
        self.qualified("_clarion_schema_changes")
    }

    fn position_table(&self) -> String {
        self.qualified("_clarion_position")
    }
}
