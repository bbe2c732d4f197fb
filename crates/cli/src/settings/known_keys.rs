//! An unknown key is an error that names the nearest known one.

use clarion_core::{Declaration, Error, Kind, Result};
use clarion_server::AlertSettings;
use config::{Map, Value, ValueKind};
use serde_json::Value as Json;

use super::Settings;

/// Sections of a stream whose keys the user chooses, as in `source.headers`.
const OPEN: [&str; 4] = ["params", "headers", "adds", "columns"];

pub(super) fn check(given: &Map<String, Value>) -> Result<()> {
    // The defaults have every key, and a sample of each list: what is not among them does not exist.
    let mut samples = Settings { alerts: vec![AlertSettings::default()], ..Settings::default() };
    samples.streams.custom.push(Declaration::default());
    let known = serde_json::to_value(samples)
        .map_err(|error| Error::new(Kind::Config, "the defaults cannot be shown").source(error))?;
    check_table(given, &known, "")
}

fn check_table(given: &Map<String, Value>, known: &Json, path: &str) -> Result<()> {
    for (name, value) in given {
        let here = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some(inner) = known.get(name) else {
            return Err(unknown(&here, name, known, value));
        };
        match (&value.kind, inner) {
            (ValueKind::Table(table), Json::Object(_)) if !is_open(&here, name) => {
                check_table(table, inner, &here)?;
            }
            (ValueKind::Array(items), Json::Array(samples)) => {
                for (index, item) in items.iter().enumerate() {
                    if let (ValueKind::Table(table), Some(sample)) = (&item.kind, samples.first()) {
                        check_table(table, sample, &format!("{here}[{index}]"))?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_open(path: &str, name: &str) -> bool {
    path == "source.headers" || path.starts_with("streams.") && OPEN.contains(&name)
}

fn unknown(path: &str, name: &str, known: &Json, value: &Value) -> Error {
    let names = known.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
    let nearest =
        names.max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    let mut error = Error::new(Kind::Config, format!("unknown configuration key {path}"));
    if let Some(origin) = origin(value) {
        error = error.with("in", origin);
    }
    match nearest {
        Some(nearest) => {
            error.hint(format!("did you mean `{nearest}`? `clarion config show` lists every key"))
        }
        None => error,
    }
}

/// Only single values know where they came from.
fn origin(value: &Value) -> Option<&str> {
    value.origin().or_else(|| match &value.kind {
        ValueKind::Table(table) => table.values().find_map(origin),
        ValueKind::Array(items) => items.iter().find_map(origin),
        _ => None,
    })
}
