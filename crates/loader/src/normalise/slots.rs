//! The fields of a row's object, found in one pass: most objects of a table have the same fields in the same order.

use std::collections::HashMap;

use clarion_core::json::Json;

use super::rows::Fields;

/// The vendor fields that a table knows, each with a number.
#[derive(Default)]
pub(super) struct Slots {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
    /// The slots of the last object's fields: a good guess for the next.
    layout: Vec<usize>,
}

impl Slots {
    /// The number of a field, which is given one if it has none.
    pub(super) fn number(&mut self, name: &str) -> usize {
        if let Some(slot) = self.numbers.get(name) {
            return *slot;
        }
        let slot = self.names.len();
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), slot);
        slot
    }

    pub(super) fn name(&self, slot: usize) -> &str {
        &self.names[slot]
    }

    /// Puts the object's values into `values` by the numbers of their fields.
    pub(super) fn spread<'a>(&mut self, fields: &'a Fields<'a>, values: &mut Vec<Option<&'a Json<'a>>>) {
        values.clear();
        values.resize(self.names.len(), None);
        self.layout.resize(self.layout.len().max(fields.len()), usize::MAX);
        for (at, (name, value)) in fields.iter().enumerate() {
            let guess = self.layout[at];
            let slot = match self.names.get(guess) {
                Some(known) if known.as_str() == name => guess,
                _ => self.number(name),
            };
            self.layout[at] = slot;
            if slot >= values.len() {
                values.resize(slot + 1, None);
            }
            values[slot] = Some(value);
        }
    }
}
