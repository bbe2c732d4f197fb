//! Reading what is there, and comparing it with what should be.

use clarion_core::TableSchema;

use super::merge::{key_array, parent_column};
use super::{Ident, Sql, Statements, ddl::stage};

impl Statements {
    /// Every row by what places it: record, position, whether it is marked as deleted, and the rest of its key.
    pub(in crate::postgres) fn read_places(&self, schema: &TableSchema) -> Sql {
        let index: String =
            index_columns(schema).map(|column| format!(", {}::bigint", Ident(column))).collect();
        Sql(format!(
            "SELECT {record}::text, _position::bigint, _deleted_at IS NOT NULL{index} FROM {table}",
            record = Ident(parent_column(schema)),
            table = self.table(&schema.table),
        ))
    }

    /// Compares the staged rows with those of the records in `$1`. Gives for each difference the record, whether the
    /// row is too many, whether it is missing, the names of the columns that differ, and the rest of its key.
    pub(in crate::postgres) fn compare(&self, schema: &TableSchema, columns: &[&str]) -> Sql {
        let record = parent_column(schema);
        let index: String = index_columns(schema)
            .map(|column| format!(", coalesce(staged.{0}, kept.{0})::bigint", Ident(column)))
            .collect();
        let same: Vec<String> =
            schema.key.iter().map(|column| format!("staged.{0} = kept.{0}", Ident(column))).collect();
        let differing: Vec<String> = columns
            .iter()
            .map(|column| {
                let (name, text) = (Ident(column), super::literal(column));
                format!("CASE WHEN staged.{name} IS DISTINCT FROM kept.{name} THEN {text} END")
            })
            .collect();
        Sql(format!(
            "SELECT * FROM (SELECT coalesce(staged.{record}, kept.{record})::text AS record, \
               staged.{record} IS NULL AS extra, kept.{record} IS NULL AS missing, \
               CASE WHEN staged.{record} IS NULL OR kept.{record} IS NULL THEN '{{}}'::text[] \
                    ELSE array_remove(ARRAY[{differing}]::text[], NULL) END AS columns{index} \
             FROM {stage} AS staged \
             FULL JOIN (SELECT * FROM {table} WHERE {record} = ANY ({keys})) AS kept ON {same}) AS compared \
             WHERE extra OR missing OR cardinality(columns) > 0",
            record = Ident(record),
            differing = differing.join(", "),
            stage = stage(&schema.table),
            table = self.table(&schema.table),
            keys = key_array(schema, record, 1),
            same = same.join(" AND "),
        ))
    }
}

/// What follows the parent's key in the key of a child table.
pub(in crate::postgres) fn index_columns(schema: &TableSchema) -> impl Iterator<Item = &str> {
    let record = parent_column(schema);
    schema.key.iter().map(String::as_str).filter(move |column| *column != record)
}
