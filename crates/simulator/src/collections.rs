//! Everything of a workspace that is not a call.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde_json::Value;

/// Records by the name of their collection, and the times that no record shows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Collections {
    records: BTreeMap<String, Vec<Value>>,
    /// Last change of a topic, by id.
    pub(crate) topic_times: HashMap<String, DateTime<Utc>>,
    /// When a scorecard was filled in, by id.
    pub(crate) scorecard_times: HashMap<String, DateTime<Utc>>,
}

impl Collections {
    /// Collections by their name here and the key that holds their records, in answers and in files.
    pub(crate) const NAMES: [(&str, &str); 9] = [
        ("users", "users"),
        ("topics", "topics"),
        ("scorecards", "scorecards"),
        ("scorecard_templates", "scoreCardTemplates"),
        ("accounts", "accounts"),
        ("opportunities", "opportunities"),
        ("contacts", "contacts"),
        ("teams", "teams"),
        ("playlists", "playlists"),
    ];

    /// The records of a collection; none if there is no such collection.
    pub(crate) fn get(&self, name: &str) -> &[Value] {
        self.records.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn set(&mut self, name: &str, records: Vec<Value>) {
        self.records.insert(name.to_owned(), records);
    }

    /// The record whose `field` is this text.
    pub(crate) fn find(&self, name: &str, field: &str, text: &str) -> Option<&Value> {
        self.get(name).iter().find(|record| record.get(field).and_then(Value::as_str) == Some(text))
    }

    /// Adds a record, or replaces the one of its id.
    pub(crate) fn put(&mut self, name: &str, record: Value) -> bool {
        let Some(id) = id(&record).map(str::to_owned) else {
            return false;
        };
        let records = self.records.entry(name.to_owned()).or_default();
        match records.iter_mut().find(|known| self::id(known) == Some(&id)) {
            Some(known) => *known = record,
            None => records.push(record),
        }
        true
    }

    pub(crate) fn remove(&mut self, name: &str, id: &str) -> bool {
        let records = self.records.entry(name.to_owned()).or_default();
        let before = records.len();
        records.retain(|record| self::id(record) != Some(id));
        records.len() < before
    }
}

fn id(record: &Value) -> Option<&str> {
    record.get("id").or_else(|| record.get("topic_id")).and_then(Value::as_str)
}
