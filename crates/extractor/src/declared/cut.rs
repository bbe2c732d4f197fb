//! An answer cut into the records of a declared stream, verbatim but for what the declaration adds.

use bytes::Bytes;
use clarion_core::json::{Json, Node};
use clarion_core::{
    Bindings, Declaration, Error, Kind, RecordKey, Result, SourceRecord, Template, Timestamp,
};

use super::paths::Paths;
use crate::jsonpath::{Item, Value};
use crate::records::{Unreadable, one_line};

/// The records of one answer, and what it says of the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<SourceRecord>,
    /// Of all records that the server sent, those that a filter left out among them: the server counts them, too.
    pub(super) keys: Vec<RecordKey>,
    /// `pagination.matched`.
    pub(super) matched: Option<u64>,
    /// `pagination.hasMore`.
    pub(super) has_more: Option<bool>,
    /// The cursor or the address of the next page.
    pub(super) next: Option<String>,
}

/// How the answers of one read are cut.
pub(super) struct Cutter<'s> {
    stream: &'s Declaration,
    paths: Paths,
    /// Fields that each record gets, as JSON.
    adds: Vec<(&'s str, String)>,
}

impl<'s> Cutter<'s> {
    pub(super) fn new(stream: &'s Declaration, bindings: &Bindings, now: Timestamp) -> Result<Self> {
        let paths = Paths::of(stream)?;
        let mut adds = Vec::new();
        for (name, text) in &stream.adds {
            let value = Template::parse(text)?.fill(stream, bindings, now, str::to_owned)?;
            adds.push((name.as_str(), Json::Text(value.into()).to_string()));
        }
        Ok(Self { stream, paths, adds })
    }

    pub(super) fn page(&self, body: &Bytes) -> Result<Page, Unreadable> {
        let root = Item::of(Node::parse(body).map_err(|_| Unreadable::NoJson)?);
        let metadata = self.paths.metadata.as_ref().and_then(|path| joined(&path.find(&root)));
        let mut rows = Vec::new();
        for (index, item) in self.items(&root)?.into_iter().enumerate() {
            let row = self.record(body, item, metadata.as_deref());
            rows.push(row.map_err(|error| Unreadable::Wrong(error.with("index", index)))?);
        }
        let keys = match self.paths.records.unfiltered(&root) {
            Some(all) => all.into_iter().map(|item| self.key_of(item)).collect(),
            None => rows.iter().map(|row| row.key.clone()).collect(),
        };
        let pagination = root.field("pagination");
        // What lies deeper than one list is not what the server counts.
        let matched =
            pagination.filter(|_| self.paths.records.is_one_list()).and_then(|found| found.field("matched"));
        let has_more = pagination.and_then(|found| found.field("hasMore"));
        let next = self.paths.next.as_ref().and_then(|path| path.find(&root).first().copied());
        Ok(Page {
            rows,
            keys,
            matched: matched.and_then(|matched| matched.text()?.parse().ok()),
            has_more: has_more
                .and_then(|more| if let Value::Bool(more) = more.kind { Some(more) } else { None }),
            next: next.and_then(Item::text).filter(|next| !next.is_empty()).map(str::to_owned),
        })
    }

    fn items<'v, 'a>(&self, root: &'v Item<'a>) -> Result<Vec<&'v Item<'a>>, Unreadable> {
        let found = self.paths.records.find(root);
        if found.is_empty() && !self.paths.records.may_be_empty(root) {
            let error = self.wrong("an answer holds nothing where its records should be");
            return Err(Unreadable::Wrong(error.with("records", &self.stream.records)));
        }
        match found.as_slice() {
            // A path to a list means what is in it.
            [Item { kind: Value::List(items), .. }] => Ok(items.iter().collect()),
            _ => Ok(found),
        }
    }

    fn record(&self, body: &Bytes, item: &Item<'_>, metadata: Option<&str>) -> Result<SourceRecord> {
        let scalar = &self.stream.scalar;
        let wrapped = match &item.kind {
            Value::Object(_) => None,
            Value::Text(_) | Value::Number(_) | Value::Bool(_) if !scalar.is_empty() => {
                Some(format!("{{{}:{}}}", quoted(scalar), item.raw))
            }
            _ => {
                return Err(self
                    .wrong("a record is not an object")
                    .with("records", &self.stream.records)
                    .hint("correct `records`, or name the field that a bare value becomes with `scalar`"));
            }
        };
        let key = self.key_of(item);
        let data = if wrapped.is_none() && self.adds.is_empty() && metadata.is_none() {
            one_line(body, item.raw)
        } else {
            let is_empty = matches!(&item.kind, Value::Object(members) if members.is_empty());
            self.widened(wrapped.as_deref().unwrap_or(item.raw), is_empty, metadata)
        };
        Ok(SourceRecord { key, time: None, modified: None, status: None, has_content: false, data })
    }

    /// The object with the fields that are added to it, on one line.
    fn widened(&self, object: &str, mut is_empty: bool, metadata: Option<&str>) -> Bytes {
        let mut text = object.strip_suffix('}').unwrap_or(object).to_owned();
        let metadata = metadata.map(|value| ("_metadata", value));
        let adds = self.adds.iter().map(|(name, value)| (*name, value.as_str()));
        for (name, value) in adds.chain(metadata) {
            if !is_empty {
                text.push(',');
            }
            is_empty = false;
            text.push_str(&quoted(name));
            text.push(':');
            text.push_str(value);
        }
        text.push('}');
        let text = Bytes::from(text);
        let whole = std::str::from_utf8(&text).unwrap_or_default();
        one_line(&text, whole)
    }

    fn key_of(&self, item: &Item<'_>) -> RecordKey {
        self.key(item).unwrap_or_else(|| RecordKey::nameless(item.raw.as_bytes()))
    }

    /// One key field is its text, several are a JSON array: no two keys can be mistaken for each other.
    fn key(&self, item: &Item<'_>) -> Option<RecordKey> {
        let key = match self.stream.key.names() {
            [name] => {
                let json = self.value(item, name)?;
                match Json::parse(json.as_bytes()).ok()? {
                    Json::Text(text) => text.into_owned(),
                    Json::Number(digits) => digits.to_owned(),
                    _ => return None,
                }
            }
            names => {
                let values: Option<Vec<String>> = names.iter().map(|name| self.value(item, name)).collect();
                format!("[{}]", values?.join(","))
            }
        };
        RecordKey::parse(key).ok()
    }

    /// A key field as JSON; nothing that is missing, empty or nested can be a part of a key.
    fn value(&self, item: &Item<'_>, name: &str) -> Option<String> {
        if let Some((_, added)) = self.adds.iter().find(|(known, _)| *known == name) {
            return Some(added.clone()).filter(|json| json != "\"\"");
        }
        let is_itself = !self.stream.scalar.is_empty() && self.stream.scalar == name;
        let value = if is_itself { item.field(name).unwrap_or(item) } else { item.field(name)? };
        match &value.kind {
            Value::Text(text) if !text.is_empty() => Some(quoted(text)),
            Value::Number(digits) => Some(digits.clone().into_owned()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    fn wrong(&self, message: &str) -> Error {
        Error::new(Kind::Protocol, message).with("stream", &self.stream.name)
    }
}

/// What a path found: one value as it stands, several as a list.
fn joined(found: &[&Item<'_>]) -> Option<String> {
    match found {
        [] => None,
        [one] => Some(one.raw.to_owned()),
        many => Some(format!("[{}]", many.iter().map(|item| item.raw).collect::<Vec<_>>().join(","))),
    }
}

fn quoted(text: &str) -> String {
    Json::Text(text.into()).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clarion_core::{Fields, StreamName};

    use super::*;

    fn stream() -> Declaration {
        Declaration {
            name: StreamName::of("people"),
            path: "/people".to_owned(),
            records: "$.people[*]".to_owned(),
            ..Declaration::default()
        }
    }

    fn cut(stream: &Declaration, body: &'static str) -> Result<Page, Unreadable> {
        let cutter = Cutter::new(stream, &Bindings::default(), Timestamp::UNIX_EPOCH).expect("it is usable");
        cutter.page(&Bytes::from_static(body.as_bytes()))
    }

    fn rows(stream: &Declaration, body: &'static str) -> Vec<(String, String)> {
        let page = cut(stream, body).expect("it can be cut");
        let text = |data: &Bytes| String::from_utf8(data.to_vec()).expect("UTF-8");
        page.rows.iter().map(|row| (row.key.to_string(), text(&row.data))).collect()
    }

    #[test]
    fn records_are_cut_out_verbatim_on_one_line() {
        let body = "{\"people\":[{\"id\":\"a\",\n \"n\": 9007199254740993.10},{\"id\":2}],\"x\":1}";
        let expected = [("a", "{\"id\":\"a\",  \"n\": 9007199254740993.10}"), ("2", "{\"id\":2}")];
        assert_eq!(rows(&stream(), body), expected.map(|(key, data)| (key.to_owned(), data.to_owned())));
    }

    #[test]
    fn what_is_added_follows_the_vendors_fields() {
        let adds = BTreeMap::from([("day".to_owned(), "{now}".to_owned())]);
        let wide = Declaration { adds, metadata: "$.meta".to_owned(), ..stream() };
        let body = "{\"people\":[{\"id\":\"a\"},{}],\"meta\":{\"total\":\n12345678901234567890}}";
        let data: Vec<String> = rows(&wide, body).into_iter().map(|(_, data)| data).collect();
        let added = r#""day":"1970-01-01","_metadata":{"total": 12345678901234567890}}"#;
        assert_eq!(data, [format!(r#"{{"id":"a",{added}"#), format!("{{{added}")]);
        let none = rows(&Declaration { metadata: "$.nothing".to_owned(), ..stream() }, body);
        assert_eq!(none[0].1, r#"{"id":"a"}"#);
    }

    #[test]
    fn bare_values_become_objects_where_that_is_declared() {
        let body = r#"{"people":["Zoë \"Z\"",7,{"name":"Ann"}]}"#;
        let named = Declaration { scalar: "name".to_owned(), key: "name".into(), ..stream() };
        let expected =
            [(r#"Zoë "Z""#, r#"{"name":"Zoë \"Z\""}"#), ("7", r#"{"name":7}"#), ("Ann", r#"{"name":"Ann"}"#)];
        assert_eq!(rows(&named, body), expected.map(|(key, data)| (key.to_owned(), data.to_owned())));
        let error = cut(&stream(), body).expect_err("nobody said what they are");
        assert!(matches!(error, Unreadable::Wrong(error) if error.way_out().is_some()));
    }

    #[test]
    fn a_key_of_several_fields_is_their_list_and_none_may_be_missing() {
        let adds = BTreeMap::from([("day".to_owned(), "{now}".to_owned())]);
        let key: Fields = toml::from_str::<BTreeMap<String, Fields>>("key = [\"id\", \"day\"]")
            .expect("TOML")["key"]
            .clone();
        let several = Declaration { adds, key, ..stream() };
        let body = r#"{"people":[{"id":"a,\"b"},{"id":1},{"id":"1"},{"id":null},{"id":""},{"id":[1]},{}]}"#;
        let keys: Vec<RecordKey> =
            cut(&several, body).expect("JSON").rows.into_iter().map(|row| row.key).collect();
        let texts: Vec<&str> = keys[..3].iter().map(RecordKey::as_str).collect();
        assert_eq!(texts, [r#"["a,\"b","1970-01-01"]"#, r#"[1,"1970-01-01"]"#, r#"["1","1970-01-01"]"#]);
        assert!(keys[3..].iter().all(RecordKey::is_nameless));
    }

    #[test]
    fn an_answer_of_another_shape_is_wrong_and_one_cut_off_worth_another_try() {
        for body in ["{}", r#"{"people":null}"#, r#"{"people":{"id":1}}"#, r#"{"people":[null]}"#, "[]"] {
            assert!(matches!(cut(&stream(), body), Err(Unreadable::Wrong(_))), "{body}");
        }
        for body in ["", "<html>", r#"{"people":[{"id":1}]"#] {
            assert!(matches!(cut(&stream(), body), Err(Unreadable::NoJson)), "{body}");
        }
        let list = Declaration { records: "$.people".to_owned(), ..stream() };
        assert_eq!(
            rows(&list, r#"{"people":[{"id":1},{"id":2}]}"#).len(),
            2,
            "a path to a list means its items"
        );
        assert_eq!(rows(&list, r#"{"people":[]}"#).len(), 0);
        assert_eq!(rows(&list, r#"{"people":{"id":1}}"#).len(), 1);
    }
}
