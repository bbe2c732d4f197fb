//! A column beside the one that it is to replace.

use clarion_core::{Column, TableName};
use xxhash_rust::xxh3::xxh3_64;

use super::ddl::converted;
use super::recast::recast;
use super::{Ident, Sql, Statements};
use crate::postgres::columns::PgType;

/// Functions of the session that read the server's catalogue.
const DEPENDENTS: &str = include_str!("dependents.sql");

/// How the names of shadow columns begin; no name of a vendor's does.
const PREFIX: &str = "_clarion_wide_";

/// A column that becomes wider, and the one that is filled to take its place.
#[derive(Debug, Clone)]
pub(in crate::postgres) struct Shadow {
    pub(in crate::postgres) old: Column,
    pub(in crate::postgres) new: Column,
    /// The same for the same change, so that a fill that was cut off goes on.
    pub(in crate::postgres) name: String,
}

impl Shadow {
    pub(in crate::postgres) fn new(old: &Column, new: &Column) -> Self {
        let kinds = [&old.kind, &new.kind].map(|kind| serde_json::to_string(kind).unwrap_or_default());
        let change = format!("{}\0{}\0{}", old.name, kinds[0], kinds[1]);
        let name = format!("{PREFIX}{:016x}", xxh3_64(change.as_bytes()));
        Self { old: old.clone(), new: new.clone(), name }
    }

    /// `value`, an expression of the old type, in the new one.
    pub(in crate::postgres) fn value_of(&self, value: &str) -> String {
        if PgType::of(&self.old.kind) == PgType::of(&self.new.kind) {
            recast(value, &self.new.kind)
        } else {
            converted(value, &self.old.kind, &self.new.kind)
        }
    }

    fn column(&self) -> Column {
        Column { name: self.name.clone(), ..self.new.clone() }
    }
}

impl Statements {
    pub(in crate::postgres) fn create_dependents(&self) -> Sql {
        Sql(DEPENDENTS.to_owned())
    }

    pub(in crate::postgres) fn add_shadow(&self, table: &TableName, shadow: &Shadow) -> Sql {
        let definition = self.definition(&shadow.column(), false);
        Sql(format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {definition}", self.table(table)))
    }

    /// `$1` schema: its tables with columns of a widening that was cut off.
    pub(in crate::postgres) fn shadowed_tables(&self) -> Sql {
        let prefix = super::literal(PREFIX);
        Sql(format!(
            "SELECT DISTINCT c.relname::text FROM pg_catalog.pg_attribute a \
             JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relkind = 'r' \
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = $1 \
             WHERE starts_with(a.attname, {prefix}) AND NOT a.attisdropped"
        ))
    }

    /// Fills the rows of some pages, less those that are filled.
    pub(in crate::postgres) fn fill_shadows(
        &self,
        table: &TableName,
        shadows: &[Shadow],
        from: i64,
        to: i64,
    ) -> Sql {
        let assign = |shadow: &Shadow| {
            let value = shadow.value_of(&Ident(&shadow.old.name).to_string());
            format!("{} = {value}", Ident(&shadow.name))
        };
        let is_due = |shadow: &Shadow| {
            format!("{} IS NOT NULL AND {} IS NULL", Ident(&shadow.old.name), Ident(&shadow.name))
        };
        let assignments: Vec<String> = shadows.iter().map(assign).collect();
        let due: Vec<String> = shadows.iter().map(is_due).collect();
        Sql(format!(
            "UPDATE {} SET {} WHERE ctid >= '({from},0)' AND ctid < '({to},0)' AND ({})",
            self.table(table),
            assignments.join(", "),
            due.join(" OR "),
        ))
    }

    /// The table's pages, and how many may be filled at a time: before version 14 rows are not found by page, so that
    /// all are filled at once.
    pub(in crate::postgres) fn count_pages(&self, table: &TableName, step: i64) -> Sql {
        Sql(format!(
            "SELECT pages, CASE WHEN current_setting('server_version_num')::int >= 140000 THEN {step} \
             ELSE greatest(pages, 1) END FROM (SELECT pg_relation_size({}) / current_setting('block_size')::bigint \
             AS pages) AS size",
            super::literal(&self.table(table)),
        ))
    }

    pub(in crate::postgres) fn lock(&self, table: &TableName) -> Sql {
        Sql(format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", self.table(table)))
    }

    pub(in crate::postgres) fn replace_column(&self, table: &TableName, shadow: &Shadow) -> Sql {
        let (table, old) = (self.table(table), Ident(&shadow.old.name));
        let name = Ident(&shadow.name);
        Sql(format!(
            "ALTER TABLE {table} DROP COLUMN {old}; ALTER TABLE {table} RENAME COLUMN {name} TO {old}"
        ))
    }

    /// `default`: the old column's, as the server shows it.
    pub(in crate::postgres) fn set_default(&self, table: &TableName, shadow: &Shadow, default: &str) -> Sql {
        let value = shadow.value_of(&format!("({default})"));
        let (table, name) = (self.table(table), Ident(&shadow.old.name));
        Sql(format!("ALTER TABLE {table} ALTER COLUMN {name} SET DEFAULT {value}"))
    }

    /// `$1` names of columns: their numbers, defaults, and what else they carry.
    pub(in crate::postgres) fn read_columns(&self, table: &TableName) -> Sql {
        let table = super::literal(&self.table(table));
        Sql(format!(
            "SELECT a.attname::text, pg_get_expr(d.adbin, d.adrelid), pg_temp.clarion_column(a.attrelid, a.attnum) \
             FROM pg_catalog.pg_attribute a \
             LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
             WHERE a.attrelid = {table}::regclass AND a.attname = ANY ($1) AND NOT a.attisdropped"
        ))
    }

    /// `$1` names of columns.
    pub(in crate::postgres) fn read_dependents(&self, table: &TableName) -> Sql {
        let table = super::literal(&self.table(table));
        Sql(format!(
            "SELECT what, removal, rebuild FROM pg_temp.clarion_dependents({table}::regclass, \
             ARRAY(SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = {table}::regclass AND attname = ANY ($1) \
             AND NOT attisdropped))"
        ))
    }

    /// `$1` names of columns, `$2` of their shadows.
    pub(in crate::postgres) fn read_transposed(&self, table: &TableName) -> Sql {
        let (table, prefix) = (super::literal(&self.table(table)), super::literal(PREFIX));
        Sql(format!(
            "SELECT what, alone, build, finish \
             FROM pg_temp.clarion_transposed({table}::regclass, $1::text[], $2::text[], {prefix})"
        ))
    }

    /// What a fill that was cut off may have built, as statements.
    pub(in crate::postgres) fn read_leftovers(&self, table: &TableName) -> Sql {
        let (table, prefix) = (super::literal(&self.table(table)), super::literal(PREFIX));
        Sql(format!(
            "SELECT format('DROP INDEX %s', x.indexrelid::regclass) FROM pg_catalog.pg_index x \
             JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid \
             WHERE x.indrelid = {table}::regclass AND starts_with(c.relname, {prefix}) \
             UNION ALL SELECT format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname) \
             FROM pg_catalog.pg_constraint WHERE conrelid = {table}::regclass AND starts_with(conname, {prefix}) \
             UNION ALL SELECT format('ALTER TABLE %s DROP COLUMN %I', attrelid::regclass, attname) \
             FROM pg_catalog.pg_attribute WHERE attrelid = {table}::regclass AND starts_with(attname, {prefix}) \
             AND NOT attisdropped AND attname <> ALL ($1)"
        ))
    }

    pub(in crate::postgres) fn analyze(&self, table: &TableName) -> Sql {
        Sql(format!("ANALYZE {}", self.table(table)))
    }
}
