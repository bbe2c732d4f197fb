//! The effective configuration, key by key, with secrets masked and origins named.

use std::sync::LazyLock;

use clarion_core::Declaration;
use config::{Map, Value, ValueKind};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Loaded, from_environment};

/// Keys of a stream that are always shown.
const TELLING: [&str; 3] = ["enabled", "every", "contract"];

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
            if given.is_some() || !is_idle(&key, value) {
                lines.push(Line { value: masked(&key, value), key, origin });
            }
        }
    }
}

/// A key of a declared stream that says what every declaration says that does not mention it.
fn is_idle(key: &str, value: &Json) -> bool {
    static DEFAULTS: LazyLock<Json> =
        LazyLock::new(|| serde_json::to_value(Declaration::default()).unwrap_or_default());
    let Some((_, name)) = key.strip_prefix("streams.").and_then(|path| path.split_once('.')) else {
        return false;
    };
    !TELLING.contains(&name) && DEFAULTS.get(name) == Some(value)
}

/// The value, without the password of a URL and without what headers, parameters and queries of streams hold.
fn masked(key: &str, value: &Json) -> String {
    if key.contains("headers.") {
        return "\"***\"".to_owned();
    }
    let Json::String(text) = value else { return value.to_string() };
    let is_of_stream = key.starts_with("streams.");
    if is_of_stream && key.contains(".params.") && !is_macro(text) {
        return "\"***\"".to_owned();
    }
    if !text.contains("://") {
        return value.to_string();
    }
    let url = clarion_state_store::Settings { url: text.clone() }.masked_url();
    Json::String(if is_of_stream { without_query(&url) } else { url }).to_string()
}

/// The names in a query without their values; macros tell nothing.
fn without_query(url: &str) -> String {
    let Some((place, query)) = url.split_once('?') else { return url.to_owned() };
    let pair = |pair: &str| match pair.split_once('=') {
        Some((_, value)) if is_macro(value) => pair.to_owned(),
        Some((name, _)) => format!("{name}=***"),
        None => "***".to_owned(),
    };
    format!("{place}?{}", query.split('&').map(pair).collect::<Vec<_>>().join("&"))
}

/// One macro and nothing beside it.
fn is_macro(text: &str) -> bool {
    text.strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .is_some_and(|name| !name.contains(['{', '}']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_wrote_into_parameters_and_queries_is_not_shown() {
        let shown = |key: &str, text: &str| masked(key, &Json::String(text.to_owned()));
        assert_eq!(shown("streams.custom[0].params.token", "s3cret"), "\"***\"");
        assert_eq!(shown("streams.custom[0].params.token", "{now}s3cret{now}"), "\"***\"");
        assert_eq!(shown("streams.user_stats.params.from", "{from}"), "\"{from}\"");
        assert_eq!(shown("streams.custom[0].headers.x-key", "s3cret"), "\"***\"");
        assert_eq!(
            shown("streams.custom[0].url", "https://x.example/p?token=s3cret&day={now}&s3cret"),
            "\"https://x.example/p?token=***&day={now}&***\""
        );
        assert_eq!(shown("streams.custom[0].path", "/people"), "\"/people\"");
    }
}
