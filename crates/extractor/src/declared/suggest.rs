//! Where in an answer there may be records, and what stands beside them.

use serde::Serialize;

use crate::jsonpath::{Item, Value};

/// Deeper lists are parts of records rather than records.
const DEEPEST: usize = 6;
/// More say nothing more.
const MOST: usize = 40;

/// Paths worth trying for `records` and `metadata`, the outermost first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Suggestions {
    pub records: Vec<Records>,
    pub metadata: Vec<Metadata>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Records {
    pub path: String,
    pub items: usize,
    /// `objects`, `values`, or `object` for a single one.
    pub of: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    pub path: String,
    /// `object` or `value`.
    pub of: &'static str,
}

pub(super) fn suggest(root: &Item<'_>) -> Suggestions {
    let mut found = Suggestions::default();
    let mut level = vec![("$".to_owned(), vec![root])];
    for _ in 0..DEEPEST {
        let mut below = Vec::new();
        for (path, items) in level {
            look_at(&path, &items, &mut found, &mut below);
        }
        level = below;
    }
    found.records.truncate(MOST);
    found.metadata.truncate(MOST);
    found
}

/// Items of one path together, and the paths below them.
type Level<'v, 'a> = Vec<(String, Vec<&'v Item<'a>>)>;

fn look_at<'v, 'a>(path: &str, items: &[&'v Item<'a>], found: &mut Suggestions, below: &mut Level<'v, 'a>) {
    let inner: Vec<&Item<'a>> = items.iter().flat_map(|item| list(item)).collect();
    let is_list = items.iter().any(|item| matches!(item.kind, Value::List(_)));
    if is_list {
        let path = format!("{path}[*]");
        if let Some(of) = what(&inner) {
            found.records.push(Records { path: path.clone(), items: inner.len(), of });
        }
        below.push((path, inner));
    }
    let members = by_name(items);
    // Beside a list of records, and not inside of one.
    let is_envelope =
        !path.contains("[*]") && members.iter().any(|(_, members)| members.iter().any(|item| has_list(item)));
    for (name, members) in members {
        let path = format!("{path}{}", step(name));
        let is_object = members.iter().any(|item| matches!(item.kind, Value::Object(_)));
        let is_listed = members.iter().any(|item| has_list(item));
        if is_envelope && !is_listed {
            found
                .metadata
                .push(Metadata { path: path.clone(), of: if is_object { "object" } else { "value" } });
        } else if is_object && !path.contains("[*]") {
            found.records.push(Records { path: path.clone(), items: 1, of: "object" });
        }
        below.push((path, members));
    }
}

fn list<'v, 'a>(item: &'v Item<'a>) -> &'v [Item<'a>] {
    if let Value::List(items) = &item.kind { items } else { &[] }
}

/// A list, or an object that holds one.
fn has_list(item: &Item<'_>) -> bool {
    match &item.kind {
        Value::List(_) => true,
        Value::Object(members) => members.iter().any(|(_, member)| matches!(member.kind, Value::List(_))),
        _ => false,
    }
}

/// What a list holds; `None` for nothing, or for lists.
fn what(items: &[&Item<'_>]) -> Option<&'static str> {
    match items.first()?.kind {
        Value::Object(_) => Some("objects"),
        Value::List(_) => None,
        _ => Some("values"),
    }
}

/// The members of objects together, in the order in which their names came.
fn by_name<'v, 'a>(items: &[&'v Item<'a>]) -> Vec<(&'v str, Vec<&'v Item<'a>>)> {
    let mut names: Vec<(&str, Vec<&Item<'a>>)> = Vec::new();
    for item in items {
        let Value::Object(members) = &item.kind else { continue };
        for (name, member) in members {
            match names.iter_mut().find(|(known, _)| *known == name.as_ref()) {
                Some((_, members)) => members.push(member),
                None => names.push((name, vec![member])),
            }
        }
    }
    names
}

/// A name as JSONPath writes it.
fn step(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !name.is_empty() && name.chars().all(plain) && !name.starts_with(|c: char| c.is_ascii_digit()) {
        return format!(".{name}");
    }
    format!("['{}']", name.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use clarion_core::json::Node;

    use super::*;
    use crate::jsonpath::Path;

    fn of(body: &'static str) -> (Vec<String>, Vec<String>) {
        let root = Item::of(Node::parse(body.as_bytes()).expect("JSON"));
        let found = suggest(&root);
        for path in found.records.iter().map(|records| &records.path) {
            let path = Path::parse(path).expect("a suggestion is a path");
            assert!(!path.find(&root).is_empty());
        }
        (
            found
                .records
                .iter()
                .map(|records| format!("{} {} {}", records.path, records.items, records.of))
                .collect(),
            found.metadata.iter().map(|metadata| format!("{} {}", metadata.path, metadata.of)).collect(),
        )
    }

    #[test]
    fn lists_are_suggested_outermost_first_and_what_stands_beside_them_as_metadata() {
        let (records, metadata) =
            of(r#"{"calls":[{"id":1,"users":[{"n":1},{"n":2}]},{"id":2,"users":[{"n":3}],"tags":["a"]}],
                "pagination":{"matched":2},"took":3}"#);
        assert_eq!(
            records,
            ["$.calls[*] 2 objects", "$.calls[*].users[*] 3 objects", "$.calls[*].tags[*] 1 values"]
        );
        assert_eq!(metadata, ["$.pagination object", "$.took value"]);
    }

    #[test]
    fn odd_names_bare_lists_and_single_records_are_found() {
        assert_eq!(of(r#"["a","b"]"#).0, ["$[*] 2 values"]);
        assert_eq!(of(r#"{"call":{"id":1}}"#).0, ["$.call 1 object"]);
        assert_eq!(
            of(r#"{"it's odd":{"a b":[1]},"9":[{}]}"#).0,
            [r"$['it\'s odd'] 1 object", "$['9'][*] 1 objects", r"$['it\'s odd']['a b'][*] 1 values"]
        );
        let deep = of(r#"{"data":{"people":[{"id":1}],"next":"x"},"ok":true}"#);
        assert_eq!(deep.0, ["$.data 1 object", "$.data.people[*] 1 objects"]);
        assert_eq!(deep.1, ["$.ok value", "$.data.next value"]);
    }
}
