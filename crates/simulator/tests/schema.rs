//! A checker for the contract's schemas: types, enums, times, and no field that the contract does not know.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value};

/// The vendor's contract.
pub(crate) struct Contract(Value);

/// The folder beside the repository that holds contract and data; `None`, loudly, where it is not.
pub(crate) fn shared(path: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared").join(path);
    if !path.exists() {
        assert!(option_env!("CI").is_none(), "{} does not exist", path.display());
        // Not through `eprintln`, which the test runner keeps to itself.
        let note = "does not exist, nothing was checked against it";
        let _ = writeln!(std::io::stderr(), "SKIPPED: {} {note}", path.display());
        return None;
    }
    Some(path)
}

impl Contract {
    pub(crate) fn load() -> Option<Self> {
        let text = std::fs::read_to_string(shared("reference/clari-copilot-openapi.yml")?).unwrap();
        Some(Self(serde_norway::from_str(&text).unwrap()))
    }

    /// Panics with every deviation of the value from the schema of this name.
    pub(crate) fn check(&self, name: &str, value: &Value) {
        let mut faults = Vec::new();
        self.visit(&self.named(name), value, name, &mut faults);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    fn named(&self, name: &str) -> Value {
        let schema = &self.0["components"]["schemas"][name];
        assert!(schema.is_object(), "no schema {name}");
        schema.clone()
    }

    fn resolve(&self, schema: &Value) -> Value {
        match schema.get("$ref").and_then(Value::as_str) {
            Some(reference) => self.named(reference.rsplit('/').next().unwrap()),
            None => schema.clone(),
        }
    }

    fn visit(&self, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
        let schema = self.resolve(schema);
        if value.is_null() {
            return;
        }
        if let Some(choices) = schema.get("anyOf").and_then(Value::as_array) {
            if !choices.iter().any(|choice| self.holds(choice, value)) {
                faults.push(format!("{path}: none of the alternatives"));
            }
            return;
        }
        let kind = schema.get("type").and_then(Value::as_str).unwrap_or("object");
        if !is_of(kind, value) {
            faults.push(format!("{path}: {value} is not of type {kind}"));
            return;
        }
        if schema.get("enum").and_then(Value::as_array).is_some_and(|known| !known.contains(value)) {
            faults.push(format!("{path}: {value} is not in the enumeration"));
        }
        if schema["format"] == "date-time" && !is_time(value) {
            faults.push(format!("{path}: {value} is not a time"));
        }
        if let Some(items) = value.as_array() {
            items.iter().for_each(|item| self.visit(&schema["items"], item, &format!("{path}[]"), faults));
        }
        self.visit_fields(&schema, value, path, faults);
    }

    fn visit_fields(&self, schema: &Value, value: &Value, path: &str, faults: &mut Vec<String>) {
        let known = self.properties(schema);
        let Some(fields) = value.as_object().filter(|_| !known.is_empty()) else {
            return;
        };
        for (name, field) in fields {
            match known.get(name) {
                Some(schema) => self.visit(schema, field, &format!("{path}.{name}"), faults),
                None => faults.push(format!("{path}.{name}: not in the contract")),
            }
        }
    }

    fn holds(&self, schema: &Value, value: &Value) -> bool {
        let mut faults = Vec::new();
        self.visit(schema, value, "", &mut faults);
        faults.is_empty()
    }

    /// The schema's own properties and those of its parts.
    fn properties(&self, schema: &Value) -> Map<String, Value> {
        let mut all = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            all.extend(self.properties(&self.resolve(part)));
        }
        all
    }
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" | "float" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the checker does not know the type {other}"),
    }
}

fn is_time(value: &Value) -> bool {
    value.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
}
