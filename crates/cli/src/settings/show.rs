//! The effective configuration, key by key, with secrets masked and origins named.

use config::{Map, Value, ValueKind};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Loaded, from_environment};

#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) key: String,
    pub(crate) value: String,
    pub(crate) origin: String,
}

/// Every key in the order of the sections.
pub(crate) fn lines(loaded: &Loaded) -> Vec<Line> {
    let mut lines = Vec::new();
    let shown = serde_json::to_value(&loaded.effective.settings).unwrap_or_default();
    walk(&shown, &loaded.given, "", &mut lines);
    for variable in [
        "CLARI_API_KEY",
        "CLARI_API_PASSWORD",
        "CLARION_HASH_KEY",
        "CLARION_SERVER_TOKEN",
        "CLARION_HOOK_SECRET",
    ] {
        if from_environment(variable).is_some() {
            lines.push(Line {
                key: variable.to_owned(),
                value: "***".to_owned(),
                origin: "the environment".to_owned(),
            });
        }
    }
    lines
}

fn walk(shown: &Json, given: &Map<String, Value>, path: &str, lines: &mut Vec<Line>) {
    for (name, value) in shown.as_object().into_iter().flatten() {
        let key = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        visit(value, given.get(name), key, lines);
    }
}

fn visit(value: &Json, given: Option<&Value>, key: String, lines: &mut Vec<Line>) {
    match (value, given.map(|given| &given.kind)) {
        (Json::Object(fields), Some(ValueKind::Table(table))) if !fields.is_empty() => {
            walk(value, table, &key, lines)
        }
        (Json::Object(fields), _) if !fields.is_empty() => walk(value, &Map::new(), &key, lines),
        (Json::Array(items), given) => {
            let given = if let Some(ValueKind::Array(given)) = given { given.as_slice() } else { &[] };
            for (index, item) in items.iter().enumerate() {
                visit(item, given.get(index), format!("{key}[{index}]"), lines);
            }
        }
        (value, _) => {
            let origin =
                given.map_or("default", |given| given.origin().unwrap_or("the environment")).to_owned();
            // A stream has many keys that most streams leave empty.
            let is_idle = given.is_none() && key.starts_with("streams.") && is_empty(value);
            if !is_idle {
                lines.push(Line { value: masked(&key, value), key, origin });
            }
        }
    }
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::String(text) => text.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// The value, without the password of a URL and without header values.
fn masked(key: &str, value: &Json) -> String {
    if key.contains("headers.") {
        return "\"***\"".to_owned();
    }
    if let Json::String(text) = value
        && text.contains("://")
    {
        let url = clarion_state_store::Settings { url: text.clone() }.masked_url();
        return Json::String(url).to_string();
    }
    value.to_string()
}
