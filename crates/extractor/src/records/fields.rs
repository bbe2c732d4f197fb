//! The few fields of a record that extraction looks at; the rest is only checked to be JSON.

use std::fmt;

use clarion_core::json::Json;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Raw values: what cannot be a Rust string (a lone surrogate) must not fail the record.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) id: Option<&'a str>,
    pub(super) time: Option<&'a str>,
    pub(super) modified: Option<&'a str>,
    pub(super) status: Option<&'a str>,
    pub(super) transcript: Option<&'a str>,
    pub(super) summary: Option<&'a str>,
}

impl Fields<'_> {
    /// The id: text, or the digits of a number.
    pub(super) fn key(&self) -> Option<String> {
        match Json::parse(self.id?.as_bytes()).ok()? {
            Json::Text(text) => Some(text.into_owned()),
            Json::Number(digits) => Some(digits.to_owned()),
            _ => None,
        }
    }

    /// A field as text; `None` for anything else.
    pub(super) fn text(&self, raw: Option<&str>) -> Option<String> {
        match Json::parse(raw?.as_bytes()).ok()? {
            Json::Text(text) => Some(text.into_owned()),
            _ => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    /// Of a repeated name the last one counts, as everywhere in the product.
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::default();
        while let Some(Name(name)) = map.next_key()? {
            let place = match name {
                Known::Id => &mut fields.id,
                Known::Time => &mut fields.time,
                Known::Modified => &mut fields.modified,
                Known::Status => &mut fields.status,
                Known::Transcript => &mut fields.transcript,
                Known::Summary => &mut fields.summary,
                Known::Other => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *place = Some(map.next_value::<&'de RawValue>()?.get());
        }
        Ok(fields)
    }
}

enum Known {
    Id,
    Time,
    Modified,
    Status,
    Transcript,
    Summary,
    Other,
}

/// Read as bytes: a name may hold a lone surrogate, too.
struct Name(Known);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_bytes(ReadName)
    }
}

struct ReadName;

impl Visitor<'_> for ReadName {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Name, E> {
        Ok(Name(match name {
            b"id" => Known::Id,
            b"time" => Known::Time,
            b"last_modified_time" => Known::Modified,
            b"status" => Known::Status,
            b"transcript" => Known::Transcript,
            b"summary" => Known::Summary,
            _ => Known::Other,
        }))
    }
}
