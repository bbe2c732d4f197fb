//! `tests/hazards.json`: written by hand, and read by no code of the product.

use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct Corpus {
    pub(crate) texts: Vec<Hazard>,
    pub(crate) numbers: Vec<Hazard>,
    pub(crate) times: Vec<Hazard>,
    pub(crate) nested: Vec<Hazard>,
    pub(crate) names: Vec<Name>,
}

/// A value as it goes over the wire, and as every reader of every destination must see it.
#[derive(Deserialize)]
pub(crate) struct Hazard {
    #[serde(default)]
    about: String,
    pub(crate) wire: String,
    pub(crate) shown: Value,
    /// Of a number: its column's type.
    #[serde(default, rename = "type")]
    pub(crate) kind: String,
    /// Of a text: how many times over.
    #[serde(default)]
    repeat: usize,
}

#[derive(Deserialize)]
pub(crate) struct Name {
    pub(crate) name: String,
    /// `None` where it is another's, ours or too long: then any will do that is unique and the same everywhere.
    pub(crate) column: Option<String>,
}

impl Corpus {
    pub(crate) fn read() -> Self {
        let mut corpus: Self = serde_json::from_str(include_str!("../../hazards.json")).unwrap();
        for hazard in corpus.texts.iter_mut().filter(|hazard| hazard.repeat > 0) {
            let text = hazard.shown.as_str().unwrap().repeat(hazard.repeat);
            hazard.wire = format!("\"{text}\"");
            hazard.shown = text.into();
        }
        corpus
    }
}

impl Hazard {
    pub(crate) fn about(&self) -> String {
        if self.about.is_empty() { self.wire.clone() } else { self.about.clone() }
    }

    /// A number as JSON has it, or the text where its column is text.
    pub(crate) fn shown_number(&self) -> Value {
        let text = self.shown.as_str().unwrap();
        match self.kind.as_str() {
            "integer" => json!(text.parse::<i64>().unwrap()),
            "double" => json!(text.parse::<f64>().unwrap()),
            "boolean" => json!(text == "true"),
            _ => json!(text),
        }
    }
}
