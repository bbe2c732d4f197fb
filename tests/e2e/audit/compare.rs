//! Two sets of rows, and how they differ.

use std::collections::BTreeMap;

use super::tables::Rows;

/// Missing, extra, different and repeated rows in words. Whole rows are compared: a row that differs is one missing
/// and one too many.
pub(crate) fn compare(expected: &Rows, actual: &Rows) -> Vec<String> {
    let expected = counted(expected.iter().map(Vec::as_slice));
    let actual = counted(actual.iter().map(Vec::as_slice));
    let mut findings = Vec::new();
    for (row, count) in &expected {
        let found = actual.get(row).copied().unwrap_or(0);
        if found != *count {
            findings.push(format!("{found} times instead of {count}: {}", shown(row)));
        }
    }
    for (row, count) in &actual {
        if !expected.contains_key(row) {
            findings.push(format!("{count} times and the vendor has no such row: {}", shown(row)));
        }
    }
    findings
}

/// Keys, the first `width` cells of a row, that are there more than once.
pub(crate) fn twice(width: usize, rows: &Rows) -> Vec<String> {
    let counts = counted(rows.iter().map(|row| &row[..width]));
    let repeated = counts.into_iter().filter(|(_, count)| *count > 1);
    repeated.map(|(key, count)| format!("{count} times: {}", shown(key))).collect()
}

fn counted<'r>(rows: impl Iterator<Item = &'r [String]>) -> BTreeMap<&'r [String], usize> {
    let mut counts: BTreeMap<&'r [String], usize> = BTreeMap::new();
    for row in rows {
        *counts.entry(row).or_default() += 1;
    }
    counts
}

fn shown(row: &[String]) -> String {
    let short = |cell: &String| cell.chars().take(40).collect::<String>();
    row.iter().map(short).collect::<Vec<_>>().join(" | ")
}
