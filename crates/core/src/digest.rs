//! Telling whether a record changed, and whether more than a new field did.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::json::Json;

/// Fields that differ in every answer without the call having changed: signed URLs that expire.
const VOLATILE: [&str; 2] = ["audio_url", "video_url"];

/// Of the vendor's bytes: equal bytes are the same version and are not written again.
pub fn content_hash(data: &[u8]) -> u64 {
    xxh3_64(data)
}

/// Of a listed record, over the fields known when it was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fingerprint {
    pub hash: u64,
    /// How many field paths were known.
    pub paths: u32,
}

/// Takes fingerprints that tell a changed field from a new one.
///
/// Every field path gets a number when it first occurs. A fingerprint covers the paths numbered below its bound,
/// so that an old one can be compared with a new record as if the fields that came later did not exist. Null and
/// missing count as the same.
#[derive(Debug, Default)]
pub struct Fingerprinter {
    ordinals: BTreeMap<String, u32>,
    fresh: BTreeMap<String, u32>,
}

impl Fingerprinter {
    pub fn new(ordinals: BTreeMap<String, u32>) -> Self {
        Self { ordinals, fresh: BTreeMap::new() }
    }

    /// The fingerprint over all fields, new ones included, which are given their numbers.
    pub fn take(&mut self, record: &Json<'_>) -> Fingerprint {
        let mut hash = 0_u64;
        walk(record, &mut String::new(), 0, &mut |path, leaf| {
            self.ordinal(path);
            hash = hash.wrapping_add(leaf);
        });
        let paths = u32::try_from(self.ordinals.len()).unwrap_or(u32::MAX);
        Fingerprint { hash, paths }
    }

    /// Whether a field that `old` covered is different in `record`.
    pub fn changed(&self, old: Fingerprint, record: &Json<'_>) -> bool {
        let mut hash = 0_u64;
        walk(record, &mut String::new(), 0, &mut |path, leaf| {
            if self.ordinals.get(path).is_some_and(|ordinal| *ordinal < old.paths) {
                hash = hash.wrapping_add(leaf);
            }
        });
        hash != old.hash
    }

    /// The paths that are new since the last call, to be stored with the progress.
    pub fn take_fresh(&mut self) -> BTreeMap<String, u32> {
        std::mem::take(&mut self.fresh)
    }

    fn ordinal(&mut self, path: &str) {
        if !self.ordinals.contains_key(path) {
            let ordinal = u32::try_from(self.ordinals.len()).unwrap_or(u32::MAX);
            self.ordinals.insert(path.to_owned(), ordinal);
            self.fresh.insert(path.to_owned(), ordinal);
        }
    }
}

/// Visits every leaf with its path (list items share one) and the hash of its place and value.
fn walk(value: &Json<'_>, path: &mut String, place: u64, visit: &mut impl FnMut(&str, u64)) {
    match value {
        Json::Null => {}
        Json::Object(fields) => {
            for (name, field) in fields {
                if path.is_empty() && VOLATILE.contains(&name.as_ref()) {
                    continue;
                }
                let length = path.len();
                path.push('.');
                path.push_str(name);
                walk(field, path, xxh3_64_with_seed(name.as_bytes(), place), visit);
                path.truncate(length);
            }
        }
        Json::List(items) => {
            let length = path.len();
            path.push_str("[]");
            visit(path, xxh3_64_with_seed(&items.len().to_le_bytes(), place));
            for (index, item) in items.iter().enumerate() {
                walk(item, path, xxh3_64_with_seed(&index.to_le_bytes(), place), visit);
            }
            path.truncate(length);
        }
        Json::Bool(flag) => visit(path, xxh3_64_with_seed(&[u8::from(*flag)], place)),
        Json::Number(text) => visit(path, xxh3_64_with_seed(text.as_bytes(), place ^ 1)),
        Json::Text(text) => visit(path, xxh3_64_with_seed(text.as_bytes(), place ^ 2)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Json<'_> {
        Json::parse(text.as_bytes()).expect("test data is JSON")
    }

    #[test]
    fn a_new_field_is_no_change_and_a_changed_field_is() {
        let mut prints = Fingerprinter::default();
        let old = prints.take(&json(r#"{"id":"a","users":[{"n":1}],"x":null}"#));
        let wider = json(r#"{"id":"a","users":[{"n":1,"new":7}],"added":{"deep":[1]}}"#);
        assert!(!prints.changed(old, &wider));
        prints.take(&wider);
        assert!(!prints.changed(old, &wider), "also once the new fields are known");
        assert!(prints.changed(old, &json(r#"{"id":"a","users":[{"n":2}]}"#)));
        assert!(prints.changed(old, &json(r#"{"id":"a","users":[{"n":1},{"n":1}]}"#)));
        assert!(prints.changed(old, &json(r#"{"id":"a"}"#)));
    }

    #[test]
    fn order_of_keys_and_signed_urls_do_not_matter() {
        let mut prints = Fingerprinter::default();
        let old = prints.take(&json(r#"{"id":"a","b":[1,2],"audio_url":"x"}"#));
        assert!(!prints.changed(old, &json(r#"{"b":[1,2],"audio_url":"y","id":"a"}"#)));
        assert!(prints.changed(old, &json(r#"{"b":[2,1],"id":"a"}"#)));
    }
}
