//! The vendor's JSON as it is: numbers keep their digits, text that UTF-8 cannot hold is mended, nothing is copied
//! that need not be.
//!
//! serde_json cannot do the first two: it reads integers past 64 bits as doubles and refuses lone surrogates. Both
//! occur in what people say and in what CRMs send, and a record must not be lost for them.

mod parse;
mod skim;
mod tree;
mod write;

use std::borrow::Cow;

pub use parse::SyntaxError;
pub(crate) use parse::{Parsed, Reader};
pub use skim::skim;
pub use tree::{Node, Shape};
pub(crate) use write::quoted;

/// A JSON value that borrows from the text it was read from.
#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    /// The digits as they stood.
    Number(&'a str),
    /// `\u0000` and lone surrogates, which neither Postgres nor UTF-8 can hold, are U+FFFD here.
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    /// In the order of the text; of a repeated name the last one counts, see [`Json::get`].
    Object(Vec<(Cow<'a, str>, Json<'a>)>),
}

impl<'a> Json<'a> {
    /// Reads one JSON document.
    pub fn parse(text: &'a [u8]) -> Result<Self, SyntaxError> {
        parse::document(text)
    }

    /// The field of an object; `None` for anything else and for a missing field.
    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        let Json::Object(fields) = self else { return None };
        fields.iter().rev().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    pub fn as_str(&self) -> Option<&str> {
        if let Json::Text(text) = self { Some(text) } else { None }
    }

    pub fn as_list(&self) -> Option<&[Json<'a>]> {
        if let Json::List(items) = self { Some(items) } else { None }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Json::Null)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_serde_json_cannot_hold_is_kept_or_mended() {
        let text = br#"{"n":123456789012345678901234567890,"z":"a\u0000b","lone":"x\ud83dy","low":"\ude00","pair":"\ud83d\ude00"}"#;
        let json = Json::parse(text).expect("valid");
        assert_eq!(json.get("n"), Some(&Json::Number("123456789012345678901234567890")));
        assert_eq!(json.get("z").and_then(Json::as_str), Some("a\u{fffd}b"));
        assert_eq!(json.get("lone").and_then(Json::as_str), Some("x\u{fffd}y"));
        assert_eq!(json.get("low").and_then(Json::as_str), Some("\u{fffd}"));
        assert_eq!(json.get("pair").and_then(Json::as_str), Some("😀"));
    }

    #[test]
    fn cut_or_wrong_text_is_an_error_with_its_offset() {
        let wrong: [&[u8]; 14] = [
            b"",
            b"{",
            b"[1,",
            b"{\"a\":}",
            b"[1 2]",
            b"nul",
            b"\"a",
            b"01",
            b"1.",
            b"-",
            b"{\"a\":1}x",
            b"\"\\x\"",
            b"\"\n\"",
            b"\"\xff\"",
        ];
        for text in wrong {
            assert!(Json::parse(text).is_err(), "{}", String::from_utf8_lossy(text));
        }
        let deep = "[".repeat(100_000);
        assert!(Json::parse(deep.as_bytes()).is_err(), "depth is bounded");
    }

    fn any_json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            "[^\u{0}]{0,12}".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                prop::collection::btree_map("[a-z\"\\\\é]{0,5}", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn reads_and_writes_like_serde_json(value in any_json()) {
            let pretty = serde_json::to_string_pretty(&value).expect("writes");
            let ours = Json::parse(pretty.as_bytes()).expect("reads").to_string();
            let back: serde_json::Value = serde_json::from_str(&ours).expect("ours is JSON");
            prop_assert_eq!(back, value);
        }

        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Json::parse(&bytes);
        }
    }
}
