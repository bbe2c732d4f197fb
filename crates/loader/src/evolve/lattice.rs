//! The lattice of types: boolean | integer | double | timestamp → text → JSON, structs and lists item by item.

use std::cmp::Ordering;

use clarion_core::{Column, ColumnType, Error, Kind, Result, TableSchema};

/// Columns of ours at the end of every table.
pub(crate) const SYSTEM_COLUMNS: [(&str, ColumnType); 5] = [
    ("_extracted_at", ColumnType::Timestamp),
    ("_loaded_at", ColumnType::Timestamp),
    ("_run_id", ColumnType::Text),
    ("_position", ColumnType::Integer),
    ("_deleted_at", ColumnType::Timestamp),
];

/// An object with more fields is a map with data for names; as a struct it would grow without end.
pub(crate) const MAX_FIELDS: usize = 256;

/// The narrowest type that holds the values of both.
///
/// # Behavior
/// - Commutative, associative and idempotent.
/// - Fields of structs end up sorted by name.
pub fn merge_types(a: &ColumnType, b: &ColumnType) -> ColumnType {
    use ColumnType::{BigInteger, Double, Integer, Json, List, Struct, Text};
    match (a, b) {
        (Struct(a), Struct(b)) => merge_fields(a, b),
        (List(a), List(b)) => List(Box::new(merge_types(a, b))),
        _ if a == b => a.clone(),
        (Json, _) | (_, Json) => Json,
        _ if a.is_nested() || b.is_nested() => Json,
        (Integer, BigInteger) | (BigInteger, Integer) => BigInteger,
        (Integer, Double) | (Double, Integer) => Double,
        _ => Text,
    }
}

/// The schema that holds the rows of both: the columns of `a` in their order, then those only `b` has; columns that
/// were inferred by name after the declared ones, the system's own at the end.
pub fn merge(a: &TableSchema, b: &TableSchema) -> TableSchema {
    let mut merged = a.clone();
    for column in &b.columns {
        match merged.columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) => merge_column(known, column),
            None => merged.columns.push(column.clone()),
        }
    }
    merged.columns.sort_by(column_order);
    merged
}

/// Refuses rows for a table whose column of their name holds another field.
///
/// # Errors
/// `Conflict`. Names are handed from load to load, so that this takes a table that is not what it was.
pub(crate) fn check_fields(known: &TableSchema, incoming: &TableSchema, destination: &str) -> Result<()> {
    let inferred = |column: &&Column| !column.declared && !column.source.is_empty();
    for column in incoming.columns.iter().filter(inferred) {
        let Some(known) = known.column(&column.name).filter(inferred) else { continue };
        if known.source != column.source {
            return Err(Error::new(
                Kind::Conflict,
                "a column holds another field than the one that comes for it",
            )
            .with("destination", destination)
            .with("table", &incoming.table)
            .with("column", &column.name)
            .with("holds", &known.source)
            .with("field", &column.source)
            .hint(format!("rebuild it with `clarion replay --destination {destination}`")));
        }
    }
    Ok(())
}

/// Refuses rows for a table that was loaded under another key: none of them would find its earlier version.
///
/// # Errors
/// `Conflict`.
pub(crate) fn check_key(known: &TableSchema, incoming: &TableSchema, destination: &str) -> Result<()> {
    if known.key == incoming.key {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, "the key of a table is not the one that it was loaded with")
        .with("destination", destination)
        .with("table", &incoming.table)
        .with("was", known.key.join(", "))
        .with("is", incoming.key.join(", "))
        .hint(format!(
            "set the `key` of the stream {} back, or rebuild with `clarion replay --destination {destination}`",
            incoming.stream
        )))
}

/// The one order that the columns of a table have, whatever the order in which they appeared.
pub(crate) fn column_order(a: &Column, b: &Column) -> Ordering {
    rank(a).cmp(&rank(b)).then_with(|| inferred_name(a).cmp(inferred_name(b)))
}

fn rank(column: &Column) -> usize {
    match SYSTEM_COLUMNS.iter().position(|(name, _)| *name == column.name) {
        Some(index) => 2 + index,
        None if column.declared => 0,
        None => 1,
    }
}

/// Empty for declared columns: they keep the order of the contract.
fn inferred_name(column: &Column) -> &str {
    if column.declared { "" } else { &column.name }
}

fn merge_column(known: &mut Column, other: &Column) {
    known.kind = merge_types(&known.kind, &other.kind);
    // What the contract says of a column holds from then on.
    let is_now_declared = other.declared && !known.declared;
    known.declared |= other.declared;
    if known.source.is_empty() || is_now_declared {
        known.source.clone_from(&other.source);
    }
}

fn merge_fields(a: &[(String, ColumnType)], b: &[(String, ColumnType)]) -> ColumnType {
    let mut merged = a.to_vec();
    for (name, kind) in b {
        match merged.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = merge_types(known, kind),
            None => merged.push((name.clone(), kind.clone())),
        }
    }
    if merged.len() > MAX_FIELDS {
        return ColumnType::Json;
    }
    merged.sort_by(|(a, _), (b, _)| a.cmp(b));
    ColumnType::Struct(merged)
}

#[cfg(test)]
mod tests {
    use clarion_core::{StreamName, TableName};

    use super::*;

    fn table(key: &str, source: &str, declared: bool) -> TableSchema {
        let column = Column { name: "stage".into(), kind: ColumnType::Text, source: source.into(), declared };
        TableSchema {
            table: TableName::of("deals"),
            stream: StreamName::of("deals"),
            key: vec![key.to_owned()],
            parent: None,
            time: None,
            columns: vec![column],
        }
    }

    #[test]
    fn rows_of_another_field_or_under_another_key_are_refused_with_both_named() {
        let known = table("id", "Stage", false);
        assert!(check_fields(&known, &known, "lake").is_ok() && check_key(&known, &known, "lake").is_ok());
        let refused = check_fields(&known, &table("id", "stage", false), "lake").expect_err("another field");
        let told = refused.to_string();
        assert!(told.contains("holds: Stage") && told.contains("field: stage"), "{told}");
        assert!(
            check_fields(&known, &table("id", "stage", true), "lake").is_ok(),
            "the contract may say it anew"
        );
        let refused = check_key(&known, &table("email", "Stage", false), "lake").expect_err("another key");
        let told = refused.to_string();
        assert!(told.contains("was: id") && told.contains("is: email"), "{told}");
        assert!(refused.way_out().is_some_and(|way| way.contains("clarion replay --destination lake")));
    }

    #[test]
    fn what_the_contract_says_of_a_column_holds_from_then_on() {
        let merged = merge(&table("id", "Stage", false), &table("id", "stage", true));
        assert_eq!((merged.columns[0].source.as_str(), merged.columns[0].declared), ("stage", true));
    }
}
