//! The column rules of every stream, and what they must leave alone.

use std::collections::BTreeMap;

use clarion_core::{ColumnRules, Declaration, Rule, StreamColumns, StreamName};

use super::StreamsSettings;

impl StreamsSettings {
    /// What the configuration says of the columns of every stream.
    pub fn columns(&self) -> Vec<StreamColumns> {
        let (calls, details) = (&self.calls, &self.call_details);
        let id = || vec!["id".to_owned()];
        let mut columns = vec![
            self.columns_of(StreamName::CALLS, id(), (&calls.include, &calls.columns)),
            self.columns_of(StreamName::CALL_DETAILS, id(), (&details.include, &details.columns)),
        ];
        for stream in self.declared() {
            let rules = (stream.include.as_slice(), &stream.columns);
            columns.push(self.columns_of(stream.name.clone(), own_needs(stream), rules));
        }
        columns
    }

    fn columns_of(
        &self,
        stream: StreamName,
        mut needed: Vec<String>,
        (include, columns): (&[String], &BTreeMap<String, Rule>),
    ) -> StreamColumns {
        // What a call names, its details name as well.
        let parent = if stream == StreamName::CALL_DETAILS { StreamName::CALLS } else { stream.clone() };
        let children =
            self.declared().filter(|child| child.enabled && child.parent_stream().as_ref() == Some(&parent));
        needed.extend(children.map(|child| child.parent_field.clone()).filter(|field| !field.is_empty()));
        let rules = ColumnRules { include: include.to_vec(), columns: columns.clone() };
        StreamColumns { stream, needed, rules }
    }
}

/// By what a record is known again, by what the next read goes on, and what the stream itself adds.
fn own_needs(stream: &Declaration) -> Vec<String> {
    let fields = stream.key.names().iter().chain(stream.adds.keys()).chain([&stream.cursor]);
    fields.filter(|field| !field.is_empty()).cloned().collect()
}
