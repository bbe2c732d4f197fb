//! What differs between two shapes of a table, in words.

use clarion_core::{Column, SchemaChange, TableSchema};

/// New and widened columns in words, for instance `calls: new column sentiment (text)`.
pub fn describe_changes(old: Option<&TableSchema>, new: &TableSchema) -> Vec<String> {
    schema_changes(old, new).into_iter().map(|change| change.change).collect()
}

/// New and widened columns.
pub(crate) fn schema_changes(old: Option<&TableSchema>, new: &TableSchema) -> Vec<SchemaChange> {
    let Some(old) = old else {
        return vec![change(new, None, None, "new table".to_owned())];
    };
    let describe = |column: &Column| {
        let known = old.column(&column.name);
        let words = match known {
            None => format!("new column {} ({})", column.name, column.kind),
            Some(known) if known.kind.to_string() == column.kind.to_string() => return None,
            Some(known) => format!("column {} widened from {} to {}", column.name, known.kind, column.kind),
        };
        Some(change(new, known, Some(column), words))
    };
    new.columns.iter().filter_map(describe).collect()
}

fn change(table: &TableSchema, from: Option<&Column>, to: Option<&Column>, words: String) -> SchemaChange {
    let kind = |column: Option<&Column>| column.map(|column| column.kind.to_string());
    SchemaChange {
        table: table.table.clone(),
        stream: table.stream.clone(),
        column: to.map(|column| column.name.clone()),
        from: kind(from),
        to: kind(to),
        change: format!("{}: {words}", table.table),
        record: None,
    }
}
