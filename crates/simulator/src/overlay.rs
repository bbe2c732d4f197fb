//! Changes that the vendor makes to every call at once: a new field, another type.

use serde_json::{Map, Value};

/// Applied to each record as it is sent; filters still see the record as it was.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    changes: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Add { name: String, value: Value },
    ToText { path: Vec<String> },
}

impl Overlay {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Every call has this member from now on; a repeated name replaces the value.
    pub(crate) fn add_field(&mut self, name: String, value: Value) {
        self.changes.push(Change::Add { name, value });
    }

    /// Numbers and booleans at this path become text. Names are parted by `/`; `*` is every item.
    pub(crate) fn turn_to_text(&mut self, path: &str) {
        let path = path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        self.changes.push(Change::ToText { path });
    }

    pub(crate) fn apply(&self, record: &mut Map<String, Value>) {
        for change in &self.changes {
            match change {
                Change::Add { name, value } => drop(record.insert(name.clone(), value.clone())),
                Change::ToText { path } => {
                    if let Some((first, rest)) = path.split_first() {
                        record.get_mut(first).into_iter().for_each(|value| to_text(value, rest));
                    }
                }
            }
        }
    }
}

fn to_text(value: &mut Value, path: &[String]) {
    let Some((first, rest)) = path.split_first() else {
        if value.is_number() || value.is_boolean() {
            *value = Value::String(value.to_string());
        }
        return;
    };
    match value {
        Value::Array(items) if first == "*" => items.iter_mut().for_each(|item| to_text(item, rest)),
        Value::Object(fields) => fields.get_mut(first).into_iter().for_each(|field| to_text(field, rest)),
        _ => {}
    }
}
