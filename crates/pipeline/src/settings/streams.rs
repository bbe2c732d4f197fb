//! The streams together: the two that are read their own way, the vendor's others, and the user's own.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use clarion_core::{Contract, Declaration, Error, Kind, Result, StreamName, built_in};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use super::{CallDetailsSettings, CallsSettings};

/// Names of tables that no stream of the user's own may take.
const CHILD_TABLES: [&str; 9] = [
    "call_participants",
    "transcript_turns",
    "topics_discussed",
    "action_items",
    "competitor_sentiments",
    "topic_mentions",
    "topic_phrases",
    "scorecard_answers",
    "custom",
];

/// What is synced, and how.
#[derive(Debug, Clone)]
pub struct StreamsSettings {
    pub calls: CallsSettings,
    pub call_details: CallDetailsSettings,
    /// The vendor's other streams, parents before their children.
    pub built_in: Vec<Declaration>,
    /// `[[streams.custom]]`
    pub custom: Vec<Declaration>,
}

impl StreamsSettings {
    /// Every declared stream, parents before their children.
    pub fn declared(&self) -> impl Iterator<Item = &Declaration> {
        self.built_in.iter().chain(&self.custom)
    }

    pub fn declaration(&self, name: &StreamName) -> Option<&Declaration> {
        self.declared().find(|stream| stream.name == *name)
    }

    /// Whether a stream is synced; an unknown one is not.
    pub fn is_enabled(&self, name: &StreamName) -> bool {
        match name.as_str() {
            "calls" => self.calls.enabled,
            "call_details" => self.call_details.enabled,
            _ => self.declaration(name).is_some_and(|stream| stream.enabled),
        }
    }

    /// What becomes of fields that the tables do not have, of the streams whose tables may not just evolve.
    pub fn contracts(&self) -> BTreeMap<StreamName, Contract> {
        let own = [
            (StreamName::CALLS, self.calls.contract),
            (StreamName::CALL_DETAILS, self.call_details.contract),
        ];
        let declared = self.declared().map(|stream| (stream.name.clone(), stream.contract));
        own.into_iter().chain(declared).filter(|(_, contract)| *contract != Contract::Evolve).collect()
    }

    /// The names of all streams.
    pub fn names(&self) -> Vec<StreamName> {
        let declared = self.declared().map(|stream| stream.name.clone());
        [StreamName::CALLS, StreamName::CALL_DETAILS].into_iter().chain(declared).collect()
    }

    /// Checks every declaration, and that the custom ones take nobody's name and hang on a stream before them.
    pub fn check(&self) -> Result<()> {
        let mut earlier = vec![StreamName::CALLS, StreamName::CALL_DETAILS];
        for stream in self.declared() {
            stream.check()?;
            let name = stream.name.as_str();
            if earlier.contains(&stream.name) || CHILD_TABLES.contains(&name) || name.starts_with('_') {
                return Err(Error::new(Kind::Config, "a stream's name is taken").with("name", name).hint(
                    "choose another `name`; those of tables and those that begin with _ are clarion's own",
                ));
            }
            if !stream.parent.is_empty() && earlier.iter().all(|other| other.as_str() != stream.parent) {
                return Err(Error::new(Kind::Config, "a stream's parent is no stream before it")
                    .with("stream", name)
                    .with("parent", &stream.parent));
            }
            earlier.push(stream.name.clone());
        }
        Ok(())
    }
}

impl Default for StreamsSettings {
    fn default() -> Self {
        Self {
            calls: CallsSettings::default(),
            call_details: CallDetailsSettings::default(),
            built_in: built_in().to_vec(),
            custom: Vec::new(),
        }
    }
}

/// A table a stream, under its name, and the list `custom`.
impl Serialize for StreamsSettings {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("calls", &self.calls)?;
        map.serialize_entry("call_details", &self.call_details)?;
        for stream in &self.built_in {
            map.serialize_entry(stream.name.as_str(), stream)?;
        }
        map.serialize_entry("custom", &self.custom)?;
        map.end()
    }
}

/// Expects whole declarations of the built-in streams: the layer of defaults lies below what users write.
impl<'de> Deserialize<'de> for StreamsSettings {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Read)
    }
}

struct Read;

impl<'de> Visitor<'de> for Read {
    type Value = StreamsSettings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a table of streams")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<StreamsSettings, A::Error> {
        let mut settings = StreamsSettings::default();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "calls" => settings.calls = map.next_value()?,
                "call_details" => settings.call_details = map.next_value()?,
                "custom" => settings.custom = map.next_value()?,
                _ => {
                    let known = settings.built_in.iter_mut().find(|stream| stream.name.as_str() == name);
                    let place =
                        known.ok_or_else(|| A::Error::custom(format!("there is no stream {name}")))?;
                    let declared: Declaration = map.next_value()?;
                    if declared.name != place.name {
                        return Err(A::Error::custom(format!(
                            "the name of streams.{name} cannot be changed"
                        )));
                    }
                    *place = declared;
                }
            }
        }
        Ok(settings)
    }
}

impl JsonSchema for StreamsSettings {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("StreamsSettings")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut properties = BTreeMap::from([
            ("calls".to_owned(), generator.subschema_for::<CallsSettings>()),
            ("call_details".to_owned(), generator.subschema_for::<CallDetailsSettings>()),
            ("custom".to_owned(), generator.subschema_for::<Vec<Declaration>>()),
        ]);
        for stream in built_in() {
            properties.insert(stream.name.to_string(), generator.subschema_for::<Declaration>());
        }
        schemars::json_schema!({
            "type": "object",
            "description": "What is synced, and how.",
            "properties": properties,
            "additionalProperties": false
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(stream: Declaration) -> StreamsSettings {
        StreamsSettings { custom: vec![stream], ..StreamsSettings::default() }
    }

    #[test]
    fn a_name_that_is_taken_and_a_parent_that_is_none_are_refused() {
        let people = |name: &'static str, parent: &str| Declaration {
            name: StreamName::of(name),
            path: if parent.is_empty() { "/people" } else { "/people/{parent}" }.to_owned(),
            parent: parent.to_owned(),
            ..Declaration::default()
        };
        with(people("people", "")).check().expect("a new name");
        with(people("people", "playlists")).check().expect("a parent before it");
        for name in ["users", "calls", "transcript_turns", "_clarion_position", "custom"] {
            let error = with(people(name, "")).check().expect_err(name);
            assert!(error.to_string().contains(name), "{error}");
        }
        for parent in ["people", "nobody"] {
            assert!(with(people("people", parent)).check().is_err(), "{parent}");
        }
        let twice =
            StreamsSettings { custom: vec![people("a", ""), people("a", "")], ..StreamsSettings::default() };
        assert!(twice.check().is_err());
    }
}
