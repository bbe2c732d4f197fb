//! One field, or several.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Names of fields, written as one text or as a list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "OneOrMany", into = "OneOrMany")]
#[schemars(with = "OneOrMany")]
pub struct Fields(Vec<String>);

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl Fields {
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

impl From<&str> for Fields {
    fn from(name: &str) -> Self {
        OneOrMany::One(name.to_owned()).into()
    }
}

impl From<OneOrMany> for Fields {
    fn from(names: OneOrMany) -> Self {
        match names {
            OneOrMany::One(name) if name.is_empty() => Self::default(),
            OneOrMany::One(name) => Self(vec![name]),
            OneOrMany::Many(names) => Self(names),
        }
    }
}

impl From<Fields> for OneOrMany {
    fn from(fields: Fields) -> Self {
        match <[String; 1]>::try_from(fields.0) {
            Ok([name]) => Self::One(name),
            Err(names) => Self::Many(names),
        }
    }
}
