//! Column rules: what of a vendor's object is kept out, hashed, masked or redacted before anything else sees it.
//!
//! [`Ruled`] is the one place where they are applied: around the source. Journal, state store, fingerprints and
//! destinations come after it.

mod apply;
mod digits;
mod edits;
mod hash;
mod mask;
mod memory;
mod redact;
mod source;
mod tree;

use std::collections::BTreeMap;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Error, Kind, RecordKey, Result, SourceRecord, StreamName};

pub use hash::HashKey;
pub use memory::{RuleMemory, StreamMemory};
pub use source::Ruled;
use tree::StreamRules;

/// What happens to the values of a field; of an object or a list, to every value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// The field is taken out.
    Exclude,
    /// HMAC-SHA256 in hexadecimal digits, the same for the same value in every stream. E-mail addresses are hashed in
    /// lower case, numbers by their canonical digits; null and empty text stay.
    Hash,
    /// The shape stays: `j***@e***.com`, `+** *** ****67`, `**** *******`.
    Mask,
    /// E-mail addresses, phone and card numbers within text become `[email]`, `[phone]`, `[card]`.
    Redact,
}

/// The rules of one stream as they are configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ColumnRules {
    /// Field paths to keep; empty = all.
    pub include: Vec<String>,
    /// Field path = rule. Dots lead into objects, lists are walked.
    pub columns: BTreeMap<String, Rule>,
}

/// A stream with its rules, and the field paths that are to stay as the vendor sends them.
#[derive(Debug, Clone)]
pub struct StreamColumns {
    pub stream: StreamName,
    /// Key, cursor, what other streams are asked for by.
    pub needed: Vec<String>,
    pub rules: ColumnRules,
}

/// The rules of every stream, checked.
#[derive(Debug, Default)]
pub struct Rules {
    streams: BTreeMap<StreamName, StreamRules>,
    key: Option<HashKey>,
}

impl Rules {
    /// Checks the rules of streams.
    ///
    /// # Errors
    /// `Config`, naming stream and path: a path that is none, a rule on what the pipeline itself needs, a rule on what
    /// is not kept; or a hash without a key.
    pub fn new(configured: impl IntoIterator<Item = StreamColumns>, key: Option<HashKey>) -> Result<Self> {
        let mut streams = BTreeMap::new();
        for StreamColumns { stream, needed, rules } in configured {
            if rules.include.is_empty() && rules.columns.is_empty() {
                continue;
            }
            let hashed = rules.columns.iter().find(|(_, rule)| **rule == Rule::Hash);
            if let Some((path, _)) = hashed.filter(|_| key.is_none()) {
                return Err(no_key(&stream, path));
            }
            let compiled = StreamRules::new(&stream, &needed, &rules)?;
            streams.insert(stream, compiled);
        }
        Ok(Self { streams, key })
    }

    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// The record as it may be kept. What no rule touches stays byte for byte; nothing is copied if none does.
    pub fn apply(&self, stream: &StreamName, record: SourceRecord) -> SourceRecord {
        let Some(rules) = self.streams.get(stream) else { return record };
        if crate::fault::defect("rules.skipped") {
            return record;
        }
        rules.count();
        match apply::ruled(&record.data, rules, self.key.as_ref()) {
            Ok(None) => record,
            Ok(Some(data)) => ruled(record, Bytes::from(data)),
            // Nothing of it may be kept, and no other record may suffer: it ends among the rejected.
            Err(_) => ruled(record, Bytes::from_static(UNREADABLE)),
        }
    }

    /// Whether a field of the stream's records is taken out, so that its absence says nothing.
    pub fn hides(&self, stream: &StreamName, field: &str) -> bool {
        self.streams.get(stream).is_some_and(|rules| rules.hides(field))
    }

    /// What is remembered of these rules, to notice that they changed.
    pub fn digests(&self) -> BTreeMap<StreamName, u64> {
        let digest = |rules: &StreamRules| rules.digest(self.key.as_ref());
        self.streams.iter().map(|(stream, rules)| (stream.clone(), digest(rules))).collect()
    }

    /// Says which key is in use without telling it; `None` if no rule hashes.
    pub fn key_mark(&self) -> Option<String> {
        let hashes = self.streams.values().any(StreamRules::hashes);
        self.key.as_ref().filter(|_| hashes).map(HashKey::mark)
    }

    /// Of each stream with rules how many records came by, and the paths that were met in one so far.
    pub fn met(&self) -> BTreeMap<StreamName, (u64, Vec<String>)> {
        self.streams.iter().map(|(stream, rules)| (stream.clone(), rules.met())).collect()
    }

    /// The paths of a stream's rules.
    pub fn paths(&self, stream: &StreamName) -> Vec<String> {
        self.streams.get(stream).map(|rules| rules.paths().to_vec()).unwrap_or_default()
    }
}

/// A stand-in for a key is made from the record's bytes: not from those that were there before.
fn ruled(record: SourceRecord, data: Bytes) -> SourceRecord {
    let key = if record.key.is_nameless() { RecordKey::nameless(&data) } else { record.key };
    SourceRecord { key, data, ..record }
}

/// JSON, but no object: the normaliser rejects it and its reason names the record.
const UNREADABLE: &[u8] = br#""kept out: the column rules could not read this record""#;

fn no_key(stream: &StreamName, path: &str) -> Error {
    Error::new(Kind::Config, "a column rule says hash and there is no key to hash with")
        .with("stream", stream)
        .with("path", path)
        .hint("make one with `openssl rand -hex 32`, keep it safe, and set CLARION_HASH_KEY or privacy.hash_key_file")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::json::Json;

    fn rules(include: &[&str], columns: &[(&str, Rule)]) -> Result<Rules> {
        let configured = ColumnRules {
            include: include.iter().map(ToString::to_string).collect(),
            columns: columns.iter().map(|(path, rule)| ((*path).to_owned(), *rule)).collect(),
        };
        let key = HashKey::parse(&"k".repeat(32))?;
        Rules::new([columns_of(configured)], Some(key))
    }

    fn columns_of(rules: ColumnRules) -> StreamColumns {
        let needed = ["id", "window_from", "crm_info.account_id"].map(str::to_owned);
        StreamColumns { stream: StreamName::CALLS, needed: needed.into(), rules }
    }

    fn record(data: &str) -> SourceRecord {
        SourceRecord {
            key: RecordKey::parse("a").expect("a key"),
            time: None,
            modified: None,
            status: None,
            has_content: true,
            data: Bytes::copy_from_slice(data.as_bytes()),
        }
    }

    #[track_caller]
    fn assert_ruled(rules: &Rules, data: &str, expected: &str) {
        let ruled = rules.apply(&StreamName::CALLS, record(data));
        assert_eq!(std::str::from_utf8(&ruled.data).expect("text"), expected);
    }

    #[test]
    fn what_no_rule_touches_is_the_same_memory() {
        let rules = rules(&[], &[("x.y", Rule::Redact), ("z", Rule::Exclude)]).expect("valid");
        let before = record("{ \"a\" : 1.50, \"x\":{\"y\":\"caf\\u00e9 \\ud83d\"} }");
        let after = rules.apply(&StreamName::CALLS, before.clone());
        assert_eq!(after, before);
        assert_eq!(after.data.as_ptr(), before.data.as_ptr());
        let other = rules.apply(&StreamName::USERS, record(r#"{"z":1}"#));
        assert_eq!(other.data, r#"{"z":1}"#.as_bytes());
    }

    #[test]
    fn a_field_is_taken_out_with_one_comma_wherever_it_stands() {
        let rules = rules(&[], &[("a", Rule::Exclude), ("l.b", Rule::Exclude)]).expect("valid");
        for (data, expected) in [
            (r#"{"a":1}"#, "{}"),
            (r#"{ "a" : [1,{}] }"#, "{  }"),
            (r#"{"a":1, "b":2}"#, r#"{"b":2}"#),
            (r#"{"b":2 ,"a":1}"#, r#"{"b":2}"#),
            (r#"{"b":2,"a":1, "c":3}"#, r#"{"b":2, "c":3}"#),
            (r#"{"a":1,"a":2,"c":3,"\u0061":4,"a":5}"#, r#"{"c":3}"#),
            (r#"{"l":[{"b":1},{"b":1,"x":2},null,[{"b":1}],"b"]}"#, r#"{"l":[{},{"x":2},null,[{}],"b"]}"#),
            (r#"{"deep":{"a":1}}"#, r#"{"deep":{"a":1}}"#),
        ] {
            assert_ruled(&rules, data, expected);
        }
    }

    #[test]
    fn a_rule_holds_for_every_value_below_unless_one_has_its_own() {
        let rules = rules(
            &[],
            &[("s", Rule::Redact), ("s.keep", Rule::Mask), ("s.gone", Rule::Exclude), ("n", Rule::Mask)],
        );
        let data = r#"{"s":{"t":["a@b.io",{"u":"a@b.io"}],"keep":"ab","gone":1,"n":4155550132},"n":[true,12.5,null]}"#;
        let expected =
            r#"{"s":{"t":["[email]",{"u":"[email]"}],"keep":"**","n":"[phone]"},"n":["****","**.*",null]}"#;
        assert_ruled(&rules.expect("valid"), data, expected);
    }

    #[test]
    fn a_name_that_is_itself_an_address_is_ruled_like_a_value() {
        let rules = rules(&[], &[("s", Rule::Redact), ("h", Rule::Hash)]).expect("valid");
        let data = r#"{"s":{"a@b.io" : {"x":1},"plain":null},"a@b.io":1}"#;
        assert_ruled(&rules, data, r#"{"s":{"[email]" : {"x":1},"plain":null},"a@b.io":1}"#);
        let hashed = rules.apply(&StreamName::CALLS, record(r#"{"h":{"a@b.io":"a@b.io","n":2}}"#));
        let json = Json::parse(&hashed.data).expect("JSON").to_string();
        let hash = json.split('"').nth(3).expect("a name").to_owned();
        assert!(json.starts_with(&format!("{{\"h\":{{\"{hash}\":\"{hash}\",\"n\":")), "{json}");
    }

    #[test]
    fn hashes_join_whatever_the_spelling() {
        let rules = rules(&[], &[("x", Rule::Hash)]).expect("valid");
        let hash = |value: &str| {
            let ruled = rules.apply(&StreamName::CALLS, record(&format!("{{\"x\":{value}}}")));
            let json = Json::parse(&ruled.data).expect("JSON").get("x").map(ToString::to_string);
            json.expect("the field is there")
        };
        assert_eq!(hash("\"Anna@Example.com\""), hash("\"\\u0061nna@example.com\""));
        assert_eq!(hash("7"), hash("\"7\""));
        assert_eq!(hash("7"), hash("7.0"));
        assert_ne!(hash("7"), hash("8"));
        assert_eq!((hash("null").as_str(), hash("\"\"").as_str()), ("null", "\"\""));
        assert_eq!(hash("[7,null]"), format!("[{},null]", hash("7")));
    }

    #[test]
    fn only_what_is_included_stays_and_what_work_needs() {
        let rules = rules(&["title", "crm_info.deal_id"], &[("title", Rule::Mask)]).expect("valid");
        let data = r#"{"name":"x","id":"a","title":"ab","time":"t","users":[{"id":1}],"crm_info":{"deal_id":1,"x":2,"account_id":3},"status":"s"}"#;
        assert_ruled(
            &rules,
            data,
            r#"{"id":"a","title":"**","time":"t","crm_info":{"deal_id":1,"account_id":3},"status":"s"}"#,
        );
        assert!(rules.hides(&StreamName::CALLS, "transcript") && !rules.hides(&StreamName::CALLS, "title"));
        let (seen, met) = rules.met().remove(&StreamName::CALLS).expect("the stream has rules");
        assert_eq!((seen, met.len()), (1, 2), "{met:?}");
    }

    #[test]
    fn impossible_rules_are_refused_by_stream_and_path() {
        for (include, path, rule) in [
            (vec![], "id", Rule::Hash),
            (vec![], "time", Rule::Exclude),
            (vec![], "call_id", Rule::Mask),
            (vec![], "window_from", Rule::Mask),
            (vec![], "crm_info", Rule::Exclude),
            (vec![], "crm_info.account_id", Rule::Hash),
            (vec![], "a..b", Rule::Mask),
            (vec![], "a[].b", Rule::Mask),
            (vec!["title"], "name", Rule::Mask),
            (vec!["$.x"], "title", Rule::Mask),
        ] {
            let error = rules(&include, &[(path, rule)]).expect_err(path);
            assert_eq!(error.kind(), Kind::Config);
            assert!(error.to_string().contains("calls"), "{error}");
        }
        let hash = ColumnRules { columns: [("x".to_owned(), Rule::Hash)].into(), ..ColumnRules::default() };
        let error = Rules::new([columns_of(hash)], None).expect_err("no key");
        assert!(error.way_out().is_some_and(|hint| hint.contains("CLARION_HASH_KEY")));
    }

    #[test]
    fn what_cannot_be_read_is_kept_out_whole() {
        let rules = rules(&[], &[("x", Rule::Exclude)]).expect("valid");
        let deep = format!("{{\"x\":{}\"secret\"{}}}", "[".repeat(200), "]".repeat(200));
        let ruled = rules.apply(&StreamName::CALLS, record(&deep));
        assert_eq!(ruled.data, UNREADABLE);
    }

    #[test]
    fn other_rules_and_another_key_have_another_digest() {
        let digest = |rules: Result<Rules>| rules.expect("valid").digests()[&StreamName::CALLS];
        let base = digest(rules(&[], &[("x", Rule::Hash)]));
        assert_eq!(digest(rules(&[], &[("x", Rule::Hash)])), base);
        assert_ne!(digest(rules(&[], &[("x", Rule::Mask)])), base);
        assert_ne!(digest(rules(&["x"], &[("x", Rule::Hash)])), base);
        let configured =
            ColumnRules { columns: [("x".to_owned(), Rule::Hash)].into(), ..ColumnRules::default() };
        let other = HashKey::parse(&"o".repeat(32)).ok();
        assert_ne!(digest(Rules::new([columns_of(configured)], other)), base);
    }

    proptest! {
        #[test]
        fn whatever_goes_in_stays_json_without_the_secret(
            secret in "[a-z]{6}", names in prop::collection::vec("[xyz]", 1..6), spaces in "[ ]{0,2}",
        ) {
            let rules = rules(&[], &[("x", Rule::Exclude), ("y", Rule::Hash), ("z.x", Rule::Mask)]).expect("valid");
            let members: Vec<String> = names
                .iter()
                .map(|name| match name.as_str() {
                    "z" => format!("{spaces}\"z\"{spaces}:[{{\"x\":\"{secret}\",\"k\":1}}]"),
                    name => format!("\"{name}\":{spaces}\"{secret}\"{spaces}"),
                })
                .collect();
            let data = format!("{{{}}}", members.join(","));
            let ruled = rules.apply(&StreamName::CALLS, record(&data));
            let text = std::str::from_utf8(&ruled.data).expect("text");
            prop_assert!(!text.contains(&secret), "{text}");
            prop_assert!(serde_json::from_str::<serde_json::Value>(text).is_ok(), "{text}");
        }
    }
}
