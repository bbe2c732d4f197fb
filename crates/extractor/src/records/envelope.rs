//! The object around the records.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use super::{Unreadable, wrong};
use crate::streams::StreamSpec;

/// `{"<records>": T, "pagination": …}`
pub(super) struct Envelope<'a, T> {
    pub(super) records: Option<T>,
    pub(super) pagination: Option<&'a RawValue>,
    /// How many fields there are in all.
    pub(super) fields: usize,
}

impl<'a, T: Deserialize<'a>> Envelope<'a, T> {
    pub(super) fn read(spec: &StreamSpec, text: &'a str) -> Result<Self, Unreadable> {
        let mut json = serde_json::Deserializer::from_str(text);
        let read = Seed { records: spec.records, what: PhantomData }
            .deserialize(&mut json)
            .and_then(|envelope| json.end().map(|()| envelope));
        read.map_err(|error| {
            let whole = || serde_json::from_str::<IgnoredAny>(text).is_ok();
            if error.classify() == Category::Data && whole() {
                Unreadable::Wrong(wrong(spec, "an answer is not of the promised shape"))
            } else {
                Unreadable::NoJson
            }
        })
    }
}

struct Seed<T> {
    records: &'static str,
    what: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Seed<T> {
    type Value = Envelope<'de, T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Seed<T> {
    type Value = Envelope<'de, T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut envelope = Envelope { records: None, pagination: None, fields: 0 };
        while let Some(field) = map.next_key_seed(FieldSeed(self.records))? {
            envelope.fields += 1;
            match field {
                Field::Records => envelope.records = Some(map.next_value()?),
                Field::Pagination => envelope.pagination = Some(map.next_value()?),
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(envelope)
    }
}

enum Field {
    Records,
    Pagination,
    Other,
}

/// Reads names as bytes: one with a lone surrogate is no Rust string.
struct FieldSeed(&'static str);

impl<'de> DeserializeSeed<'de> for FieldSeed {
    type Value = Field;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Field, D::Error> {
        from.deserialize_bytes(self)
    }
}

impl Visitor<'_> for FieldSeed {
    type Value = Field;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Field, E> {
        Ok(if name == self.0.as_bytes() {
            Field::Records
        } else if name == b"pagination" {
            Field::Pagination
        } else {
            Field::Other
        })
    }
}
