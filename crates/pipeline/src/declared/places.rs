//! Where in the key of a record stands what it was asked for with. Pure.

use clarion_core::json::Json;
use clarion_core::{Declaration, RecordKey};

/// The place of a macro's value in a stream's key.
pub(super) struct Place(Option<usize>);

impl Place {
    /// `None` if it is not part of the key.
    pub(super) fn of(stream: &Declaration, value: &str) -> Option<Self> {
        let names = stream.key.names();
        let is_it = |name: &String| stream.adds.get(name).is_some_and(|added| added == value);
        let place = names.iter().position(is_it)?;
        Some(Self((names.len() > 1).then_some(place)))
    }

    pub(super) fn value(&self, key: &RecordKey) -> Option<String> {
        let Some(place) = self.0 else { return Some(key.to_string()) };
        let parts = Json::parse(key.as_str().as_bytes()).ok()?;
        parts.as_list()?.get(place)?.as_str().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_in_joint_and_in_plain_keys() {
        let key = |text: &str| RecordKey::parse(text).expect("a key");
        let stream = |names: &[&str]| Declaration {
            adds: [("list".to_owned(), "{parent}".to_owned())].into(),
            key: serde_json::from_value(serde_json::json!(names)).expect("a key"),
            ..Declaration::default()
        };
        let joint = Place::of(&stream(&["id", "list"]), "{parent}").expect("a place");
        assert_eq!(joint.value(&key(r#"["c","l"]"#)).as_deref(), Some("l"));
        let plain = Place::of(&stream(&["list"]), "{parent}").expect("a place");
        assert_eq!(plain.value(&key("l")).as_deref(), Some("l"));
        assert!(Place::of(&stream(&["id"]), "{parent}").is_none());
    }
}
