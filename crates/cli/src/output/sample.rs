//! A sample for people and for programs.

use std::collections::BTreeMap;

use clarion_extractor::Suggestions;
use serde::Serialize;
use serde_json::value::RawValue;

use super::paint;
use super::table::table;

/// Longer records are cut for people.
const SHOWN: usize = 2_000;

/// What one page of a stream shows.
#[derive(Serialize)]
pub(crate) struct Sampled {
    pub(crate) stream: String,
    pub(crate) request: String,
    /// Whether the endpoint, or the record asked for, is there.
    pub(crate) available: bool,
    /// Records on the page.
    pub(crate) count: usize,
    pub(crate) records: Vec<Box<RawValue>>,
    /// Tables and their columns, as far as these records tell.
    pub(crate) columns: BTreeMap<String, Vec<Column>>,
    pub(crate) problem: Option<String>,
    pub(crate) hint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) suggestions: Option<Suggestions>,
}

#[derive(Serialize)]
pub(crate) struct Column {
    pub(crate) name: String,
    #[serde(rename = "type")]
    pub(crate) kind: String,
}

/// A record as it came.
pub(crate) fn raw(text: String) -> Box<RawValue> {
    RawValue::from_string(text).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

pub(crate) fn sampled(sample: &Sampled) {
    out!("{} {}", paint::bold("GET"), sample.request);
    if !sample.available {
        out!("not available on this workspace");
        return;
    }
    match &sample.problem {
        Some(problem) => out!("{} {problem}", paint::red("no records:")),
        None => out!("{} record(s) on the page", sample.count),
    }
    if let Some(hint) = &sample.hint {
        out!("  {} {hint}", paint::bold("try:"));
    }
    for record in &sample.records {
        out!("{}", shortened(record.get()));
    }
    for (name, columns) in &sample.columns {
        out!();
        let rows = columns.iter().map(|column| vec![column.name.clone(), column.kind.clone()]).collect();
        table(&[name, "type"], rows);
    }
    if let Some(suggestions) = &sample.suggestions {
        suggested(suggestions);
    }
}

fn suggested(suggestions: &Suggestions) {
    let records = suggestions.records.iter();
    let rows: Vec<Vec<String>> =
        records.map(|found| vec![found.path.clone(), format!("{} {}", found.items, found.of)]).collect();
    out!();
    table(&["records", "holds"], rows);
    let metadata = suggestions.metadata.iter();
    let rows: Vec<Vec<String>> =
        metadata.map(|found| vec![found.path.clone(), found.of.to_owned()]).collect();
    out!();
    table(&["metadata", "is"], rows);
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text.to_owned(),
    }
}
