//! Tables and columns.

use clarion_core::{Column, ColumnType, TableName, TableSchema};

use super::recast::recast;
use super::{Ident, Sql, Statements, all_columns, list, literal};
use crate::postgres::columns::PgType;

impl Statements {
    pub(in crate::postgres) fn create_schema(&self) -> Sql {
        Sql(format!("CREATE SCHEMA {}", Ident(&self.schema)))
    }

    /// Without its key: an index built at the end of a load costs a third of one that grows row by row.
    pub(in crate::postgres) fn create_table(&self, schema: &TableSchema) -> Sql {
        Sql(format!("CREATE TABLE {} ({})", self.table(&schema.table), self.definitions(schema)))
    }

    pub(in crate::postgres) fn add_key(&self, schema: &TableSchema) -> Sql {
        let key = list(schema.key.iter().map(String::as_str));
        Sql(format!("ALTER TABLE {} ADD PRIMARY KEY ({key})", self.table(&schema.table)))
    }

    pub(in crate::postgres) fn read_key_name(&self, table: &TableName) -> Sql {
        let table = literal(&self.table(table));
        Sql(format!(
            "SELECT conname::text FROM pg_catalog.pg_constraint WHERE conrelid = {table}::regclass AND contype = 'p'"
        ))
    }

    /// `name`: that of the constraint, if it is there.
    pub(in crate::postgres) fn drop_key(&self, schema: &TableSchema, name: Option<&str>) -> Sql {
        let mut changes: Vec<String> =
            name.map(|name| format!("DROP CONSTRAINT {}", Ident(name))).into_iter().collect();
        changes
            .extend(schema.key.iter().map(|column| format!("ALTER COLUMN {} DROP NOT NULL", Ident(column))));
        Sql(format!("ALTER TABLE {} {}", self.table(&schema.table), changes.join(", ")))
    }

    /// Where a load's records wait for their merge: a table of this session, without index and without log.
    pub(in crate::postgres) fn create_stage(&self, schema: &TableSchema) -> Sql {
        let stage = stage(&schema.table);
        Sql(format!("CREATE TEMPORARY TABLE {stage} ({}) ON COMMIT DROP", self.definitions(schema)))
    }

    pub(in crate::postgres) fn drop_stage(&self, table: &TableName) -> Sql {
        Sql(format!("DROP TABLE {}", stage(table)))
    }

    pub(in crate::postgres) fn clear_stage(&self, table: &TableName) -> Sql {
        Sql(format!("TRUNCATE {}", stage(table)))
    }

    pub(in crate::postgres) fn copy_stage(&self, schema: &TableSchema) -> Sql {
        let stage = stage(&schema.table);
        Sql(format!("COPY {stage} ({}) FROM STDIN (FORMAT binary)", all_columns(schema)))
    }

    /// `fresh`: the table was made in this transaction, so that its rows can be written as if long since vacuumed.
    pub(in crate::postgres) fn copy_table(&self, schema: &TableSchema, fresh: bool) -> Sql {
        let freeze = if fresh { ", FREEZE" } else { "" };
        let columns = all_columns(schema);
        Sql(format!("COPY {} ({columns}) FROM STDIN (FORMAT binary{freeze})", self.table(&schema.table)))
    }

    pub(in crate::postgres) fn add_column(&self, table: &TableName, column: &Column) -> Sql {
        let definition = self.definition(column, false);
        Sql(format!("ALTER TABLE {} ADD COLUMN {definition}", self.table(table)))
    }

    pub(in crate::postgres) fn drop_column(&self, table: &TableName, column: &str) -> Sql {
        Sql(format!("ALTER TABLE {} DROP COLUMN {}", self.table(table), Ident(column)))
    }

    /// Turns a column and its rows into another type, in the text that the type lattice prescribes.
    pub(in crate::postgres) fn widen_column(
        &self,
        table: &TableName,
        column: &str,
        from: &ColumnType,
        to: &ColumnType,
    ) -> Sql {
        let name = Ident(column).to_string();
        let pg = PgType::of(to).name();
        let using = converted(&name, from, to);
        let table = self.table(table);
        let mut text = format!("ALTER TABLE {table} ALTER COLUMN {name} TYPE {pg} USING {using}");
        if self.lz4 && PgType::of(to).is_long() {
            text.push_str(&format!("; ALTER TABLE {table} ALTER COLUMN {name} SET COMPRESSION lz4"));
        }
        Sql(text)
    }

    fn definitions(&self, schema: &TableSchema) -> String {
        let columns: Vec<String> = schema
            .columns
            .iter()
            .map(|column| self.definition(column, schema.key.contains(&column.name)))
            .collect();
        columns.join(", ")
    }

    pub(super) fn definition(&self, column: &Column, key: bool) -> String {
        let pg = PgType::of(&column.kind);
        let mut text = format!("{} {}", Ident(&column.name), pg.name());
        if self.lz4 && pg.is_long() {
            text.push_str(" COMPRESSION lz4");
        }
        if key {
            // Byte order: keys are compared for equality only, and memcmp is several times faster than a language's order.
            text.push_str(if pg == PgType::Text { " COLLATE \"C\" NOT NULL" } else { " NOT NULL" });
        }
        text
    }
}

/// The staging table of a table: of the same name, in the schema of this session's temporary tables.
pub(super) fn stage(table: &TableName) -> String {
    format!("pg_temp.{}", Ident(table.as_str()))
}

/// The expression that turns a value of `from` into its canonical form in `to`.
pub(super) fn converted(name: &str, from: &ColumnType, to: &ColumnType) -> String {
    let text = match from {
        ColumnType::Timestamp => {
            let layout = literal(r#"YYYY-MM-DD"T"HH24:MI:SS.US"Z""#);
            format!("to_char({name} AT TIME ZONE 'UTC', {layout})")
        }
        // Through numeric: plain digits without an exponent, and no `.0`.
        ColumnType::Double => format!("trim_scale({name}::text::numeric)::text"),
        _ => format!("{name}::text"),
    };
    match (PgType::of(from), PgType::of(to)) {
        (a, b) if a == b => name.to_owned(),
        (_, PgType::Text) => text,
        (_, PgType::Jsonb) => recast(&format!("to_jsonb({text})"), to),
        (_, pg) => format!("{name}::{}", pg.name()),
    }
}
