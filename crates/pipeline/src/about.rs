//! Which call a record is about, and which calls it names besides.

use clarion_core::json::Json;
use clarion_core::{Declaration, Purged, RecordKey, SourceRecord, StreamName};

/// The streams whose records are keyed by a call's id.
pub(crate) const CALL_STREAMS: [StreamName; 2] = [StreamName::CALLS, StreamName::CALL_DETAILS];

/// Fields in which a record of another stream says which call it is about: a scorecard, a call of a playlist.
const ABOUT: [&str; 2] = [CALL_ID, "id"];

/// What a record of another stream has to do with certain calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mention {
    /// Nothing.
    None,
    /// It is about one of them.
    Whole,
    /// It names some of them among other things, as a playlist does; this is the record without.
    Among(String),
}

/// The field that says of a record which call it was asked for.
const CALL_ID: &str = "call_id";
const PARENT: &str = "{parent}";

/// Whether a stream's records are asked for by a call's id, each or by way of a parent.
pub fn is_chained(stream: &Declaration, all: &[Declaration]) -> bool {
    let mut link = stream;
    for _ in 0..=all.len() {
        if CALL_STREAMS.iter().any(|call| call.as_str() == link.parent) {
            return matches!(link.parent_field.as_str(), "" | "id");
        }
        match all.iter().find(|other| other.name.as_str() == link.parent) {
            Some(parent) => link = parent,
            None => return false,
        }
    }
    false
}

/// The stream with the call's id in each of its records, if it is asked for by that: a record that does not name its
/// call could not be found when the call is purged.
pub fn naming_its_call(stream: &Declaration) -> Declaration {
    let mut stream = stream.clone();
    let names_it = stream.adds.values().any(|value| value.contains(PARENT));
    let asks_by_call = CALL_STREAMS.iter().any(|call| call.as_str() == stream.parent)
        && matches!(stream.parent_field.as_str(), "" | "id");
    if asks_by_call && !names_it {
        stream.adds.insert(CALL_ID.to_owned(), PARENT.to_owned());
    }
    stream
}

impl Mention {
    /// Of what was asked for by a call everything is about it, wherever it names it.
    pub(crate) fn chained(self, is_chained: bool) -> Self {
        if is_chained && self != Self::None { Self::Whole } else { self }
    }
}

/// How a record speaks of the calls that `is_meant`.
pub(crate) fn mention(data: &[u8], is_meant: impl Fn(&str) -> bool) -> Mention {
    let Ok(record) = Json::parse(data) else { return Mention::None };
    let is_about = |field| record.get(field).and_then(Json::as_str).is_some_and(&is_meant);
    if ABOUT.into_iter().any(is_about) {
        return Mention::Whole;
    }
    let mut named = false;
    let rest = without(record, &is_meant, &mut named);
    if named { Mention::Among(rest.to_string()) } else { Mention::None }
}

/// A record as far as it says nothing of calls that were purged; `None` if it is about one.
pub fn without_purged(
    purged: Option<&Purged>,
    record: SourceRecord,
    is_chained: bool,
) -> Option<SourceRecord> {
    let Some(purged) = purged.filter(|purged| !purged.is_empty()) else { return Some(record) };
    let is_purged = |id: &str| RecordKey::parse(id).is_ok_and(|id| purged.contains(&id));
    match mention(&record.data, is_purged).chained(is_chained) {
        Mention::None => Some(record),
        Mention::Whole => None,
        Mention::Among(rest) => Some(SourceRecord { data: rest.into(), ..record }),
    }
}

/// The value without the texts that are meant: items of a list are left out, other values become null.
fn without<'a>(value: Json<'a>, is_meant: &impl Fn(&str) -> bool, named: &mut bool) -> Json<'a> {
    match value {
        Json::Text(text) if is_meant(&text) => {
            *named = true;
            Json::Null
        }
        Json::List(items) => {
            let meant = |item: &Json<'_>| item.as_str().is_some_and(is_meant);
            let before = items.len();
            let kept: Vec<Json<'a>> = items.into_iter().filter(|item| !meant(item)).collect();
            *named |= kept.len() < before;
            Json::List(kept.into_iter().map(|item| without(item, is_meant, named)).collect())
        }
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(name, field)| (name, without(field, is_meant, named)));
            Json::Object(fields.collect())
        }
        other => other,
    }
}

/// Whether this key of another stream names the call: `["playlist","call"]`.
pub(crate) fn key_names(key: &RecordKey, call: &RecordKey) -> bool {
    let parts = Json::parse(key.as_str().as_bytes()).ok();
    let parts = parts.as_ref().and_then(Json::as_list).unwrap_or_default();
    key == call || parts.iter().any(|part| part.as_str() == Some(call.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(data: &str) -> Mention {
        mention(data.as_bytes(), |id| id == "a-1")
    }

    #[test]
    fn a_record_is_about_the_call_of_its_own_id_fields() {
        for data in [r#"{"id":"s","call_id":"a\u002d1"}"#, r#"{"playlist_id":"p","id":"a-1"}"#] {
            assert_eq!(of(data), Mention::Whole, "{data}");
        }
        for data in [r#"{"id":"s"}"#, r#"{"call_id":null}"#, r#"{"call_id":"a-11"}"#, "{", "[]"] {
            assert_eq!(of(data), Mention::None, "{data}");
        }
    }

    #[test]
    fn a_record_that_names_the_call_among_others_goes_on_without_it() {
        let playlist =
            r#"{"id":"p","n":12345678901234567890,"call_ids":["b","a-1","c"],"first":{"call":"a-1"}}"#;
        let rest = r#"{"id":"p","n":12345678901234567890,"call_ids":["b","c"],"first":{"call":null}}"#;
        assert_eq!(of(playlist), Mention::Among(rest.to_owned()));
    }

    #[test]
    fn a_joint_key_names_what_it_is_made_of() {
        let key = |text: &str| RecordKey::parse(text).expect("a key");
        assert!(key_names(&key(r#"["p","a-1"]"#), &key("a-1")) && key_names(&key("a-1"), &key("a-1")));
        assert!(!key_names(&key(r#"["p","a-11"]"#), &key("a-1")) && !key_names(&key("b"), &key("a-1")));
    }

    #[test]
    fn what_is_asked_for_by_a_call_names_it_and_is_all_about_it() {
        let stream = |name: &'static str, parent: &str, field: &str| Declaration {
            name: StreamName::of(name),
            parent: parent.to_owned(),
            parent_field: field.to_owned(),
            ..Declaration::default()
        };
        let all =
            [stream("notes", "calls", ""), stream("lines", "notes", "x"), stream("people", "calls", "host")];
        assert_eq!(all.each_ref().map(|stream| is_chained(stream, &all)), [true, true, false]);
        assert!(clarion_core::built_in().iter().all(|stream| !is_chained(stream, clarion_core::built_in())));
        let named = all.each_ref().map(|stream| naming_its_call(stream).adds.contains_key("call_id"));
        assert_eq!(named, [true, false, false]);
        let own = [("meeting".to_owned(), PARENT.to_owned())].into();
        let own = Declaration { adds: own, ..all[0].clone() };
        assert_eq!(naming_its_call(&own), own, "it does so already");
        let note = of(r#"{"id":"n","meeting_id":"a-1","text":"secret"}"#);
        assert_eq!((note.clone().chained(true), of("{}").chained(true)), (Mention::Whole, Mention::None));
        assert!(matches!(note.chained(false), Mention::Among(_)));
    }
}
