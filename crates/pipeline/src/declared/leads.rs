//! What records name for other streams to be asked for.

use std::collections::HashSet;
use std::sync::Arc;

use super::places::Place;
use clarion_core::json::{Json, skim};
use clarion_core::{Declaration, Entry, Lead, Op, RecordKey, Rules, StreamName};

/// Leads remembered as noted, so that a value which thousands of calls name is stored once and not thousands of times.
const REMEMBERED: usize = 100_000;

/// What stands for the value that a stream is asked by.
const PARENT: &str = "{parent}";

/// Finds the leads in records.
pub(crate) struct Leads {
    declared: Arc<[Declaration]>,
    noted: HashSet<(StreamName, RecordKey)>,
    /// Streams, each with a child whose leads a column rule changes in them: in the details of calls, which the list
    /// names as well, or while the child is off.
    ruled: HashSet<(StreamName, StreamName)>,
}

impl Leads {
    pub(crate) fn of(declared: &Arc<[Declaration]>, rules: &Rules) -> Self {
        let changes = |stream: &StreamName, child: &Declaration| {
            feeds(stream, child) && rules.paths(stream).iter().any(|path| meets(path, &child.parent_field))
        };
        let of_child = |child: &Declaration| {
            let sources = child.parent_stream().into_iter().chain([StreamName::CALL_DETAILS]);
            let ruled = sources.filter(|stream| changes(stream, child));
            ruled.map(|stream| (stream, child.name.clone())).collect::<Vec<_>>()
        };
        let ruled = declared.iter().flat_map(of_child).collect();
        Self { declared: Arc::clone(declared), noted: HashSet::new(), ruled }
    }

    /// What a record names that no record before it did.
    pub(crate) fn find(&mut self, entry: &Entry) -> Vec<Lead> {
        if entry.op == Op::Delete {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut fields = TopFields::of(&entry.data);
        for child in self.declared.iter().filter(|child| feeds(&entry.stream, child)) {
            if self.ruled.contains(&(entry.stream.clone(), child.name.clone())) {
                continue;
            }
            for key in values(child, &entry.key, &mut fields) {
                if self.noted.len() >= REMEMBERED {
                    self.noted.clear();
                }
                if self.noted.insert((child.name.clone(), key.clone())) {
                    found.push(Lead::found(child.name.clone(), key));
                }
            }
        }
        found
    }

    /// A record that is itself the answer to a lead, as it is found again in the journal.
    pub(crate) fn answered(&self, entry: &Entry) -> Option<Lead> {
        let by_id = |child: &&Declaration| child.by_id && child.name == entry.stream;
        let child = self.declared.iter().find(by_id)?;
        let lead = Lead::found(child.name.clone(), asked_by(child, entry)?);
        Some(lead.answered(entry.observed_at, entry.op == Op::Delete))
    }
}

/// What a record was asked for by. Only the contract promises that this is its key; elsewhere the record must say it.
fn asked_by(child: &Declaration, entry: &Entry) -> Option<RecordKey> {
    if child.in_contract {
        return Some(entry.key.clone());
    }
    if let Some(place) = Place::of(child, PARENT) {
        return RecordKey::parse(place.value(&entry.key)?).ok();
    }
    let (name, _) = child.adds.iter().find(|(_, value)| *value == PARENT)?;
    let [raw] = skim(&entry.data, [name.as_str()]).ok()?;
    let value = Json::parse(raw?.as_bytes()).ok()?;
    RecordKey::parse(value.as_str()?).ok()
}

/// Whether one path leads to the other, or past it.
fn meets(path: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    within(path, other) || within(other, path)
}

/// Whether records of a stream drive this one. A call is the same in the list and in its details.
pub(crate) fn feeds(stream: &StreamName, child: &Declaration) -> bool {
    let parent = child.parent.as_str();
    let is_call = *stream == StreamName::CALL_DETAILS && parent == StreamName::CALLS.as_str();
    // Also of a stream that is off: what is named meanwhile must be known when it is on again.
    !parent.is_empty() && (stream.as_str() == parent || is_call)
}

/// Fields of a record, each looked for once: the record may be long, and several streams ask by the same one.
struct TopFields<'r> {
    data: &'r [u8],
    read: Vec<(String, Option<Json<'r>>)>,
}

impl<'r> TopFields<'r> {
    fn of(data: &'r [u8]) -> Self {
        Self { data, read: Vec::new() }
    }

    fn get(&mut self, name: &str) -> Option<&Json<'r>> {
        let at = match self.read.iter().position(|(known, _)| known == name) {
            Some(at) => at,
            None => {
                let raw = skim(self.data, [name]).ok().and_then(|[raw]| raw);
                self.read.push((name.to_owned(), raw.and_then(|raw| Json::parse(raw.as_bytes()).ok())));
                self.read.len() - 1
            }
        };
        self.read[at].1.as_ref()
    }
}

/// The values of the field that a child is asked by.
fn values(child: &Declaration, key: &RecordKey, fields: &mut TopFields<'_>) -> Vec<RecordKey> {
    if child.parent_field.is_empty() {
        return vec![key.clone()];
    }
    let mut names = child.parent_field.split('.');
    let Some(value) = fields.get(names.next().unwrap_or_default()) else { return Vec::new() };
    let mut found = Vec::new();
    let names: Vec<&str> = names.collect();
    gather(value, &names, &mut found);
    found
}

/// Of a list each item.
fn gather(value: &Json<'_>, names: &[&str], found: &mut Vec<RecordKey>) {
    match (value, names) {
        (Json::List(items), _) => items.iter().for_each(|item| gather(item, names, found)),
        (Json::Text(text), []) => found.extend(RecordKey::parse(text.as_ref())),
        (Json::Number(digits), []) => found.extend(RecordKey::parse(*digits)),
        (Json::Object(_), [name, rest @ ..]) => {
            value.get(name).iter().for_each(|field| gather(field, rest, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use clarion_core::{ColumnRules, Rule, StreamColumns, from_millis};

    use super::*;

    fn entry(stream: StreamName, data: &'static str) -> Entry {
        Entry {
            stream,
            key: RecordKey::parse("k").expect("a key"),
            op: Op::Upsert,
            observed_at: from_millis(5),
            private: None,
            time: None,
            data: bytes::Bytes::from_static(data.as_bytes()),
        }
    }

    #[test]
    fn calls_and_their_details_name_crm_ids_and_each_is_noted_once() {
        let mut leads = Leads::of(&clarion_core::built_in().to_vec().into(), &Rules::default());
        let call =
            r#"{"id":"k","crm_info":{"account_id":"A","deal_id":null,"contact_ids":["C1","","C2","C1"]}}"#;
        let mut told = |stream| {
            let found = leads.find(&entry(stream, call)).into_iter();
            found.map(|lead| format!("{} {}", lead.stream, lead.key)).collect::<Vec<_>>()
        };
        assert_eq!(told(StreamName::CALLS), ["crm_accounts A", "crm_contacts C1", "crm_contacts C2"]);
        assert!(told(StreamName::CALL_DETAILS).is_empty() && told(StreamName::USERS).is_empty());
    }

    #[test]
    fn what_a_column_rule_changes_is_no_lead() {
        for stream in [StreamName::CALL_DETAILS, StreamName::CALLS] {
            assert_eq!(found_under_a_rule(stream), ["D"]);
        }
        assert!(meets("a.b", "a") && meets("a", "a.b") && !meets("a.bc", "a.b"));
    }

    fn found_under_a_rule(stream: StreamName) -> Vec<String> {
        let rules = ColumnRules {
            columns: [("crm_info.account_id".to_owned(), Rule::Mask), ("crm".to_owned(), Rule::Mask)].into(),
            ..ColumnRules::default()
        };
        let columns = StreamColumns { stream: stream.clone(), needed: Vec::new(), rules };
        let rules = Rules::new([columns], None).expect("rules");
        let mut leads = Leads::of(&clarion_core::built_in().to_vec().into(), &rules);
        let call = r#"{"crm_info":{"account_id":"0*****","deal_id":"D"}}"#;
        leads.find(&entry(stream, call)).iter().map(|lead| lead.key.to_string()).collect()
    }

    #[test]
    fn a_parent_without_a_field_is_named_by_its_key_and_an_answer_by_its_own() {
        let mut leads = Leads::of(&clarion_core::built_in().to_vec().into(), &Rules::default());
        let found = leads.find(&entry(StreamName::of("playlists"), "{}"));
        assert_eq!(
            (found.len(), found[0].stream.as_str(), found[0].key.as_str()),
            (1, "playlist_calls", "k")
        );
        let answered = leads.answered(&entry(StreamName::of("crm_deals"), "{}")).expect("an answer");
        assert_eq!((answered.asked_at, answered.missing), (Some(from_millis(5)), false));
        assert_eq!(leads.answered(&entry(StreamName::of("playlist_calls"), "{}")), None);
    }

    #[test]
    fn outside_the_contract_a_record_is_the_answer_to_what_it_says_and_to_nothing_else() {
        let people = Declaration {
            name: StreamName::of("people"),
            parent: "calls".to_owned(),
            parent_field: "organizer".to_owned(),
            by_id: true,
            ..Declaration::default()
        };
        let adds = [("asked".to_owned(), "{parent}".to_owned())].into();
        let told = |stream: Declaration| {
            let leads = Leads::of(&vec![stream].into(), &Rules::default());
            let answered = leads.answered(&entry(StreamName::of("people"), r#"{"id":"k","asked":"a@b.io"}"#));
            answered.map(|lead| lead.key.to_string())
        };
        assert_eq!(told(people.clone()), None, "its key is no value that it was asked by");
        assert_eq!(told(Declaration { adds, ..people }).as_deref(), Some("a@b.io"));
    }

    #[test]
    fn what_is_named_while_a_stream_is_off_is_known_when_it_is_on() {
        let mut declared = clarion_core::built_in().to_vec();
        declared.iter_mut().for_each(|stream| stream.enabled = false);
        let mut leads = Leads::of(&declared.into(), &Rules::default());
        assert_eq!(leads.find(&entry(StreamName::CALLS, r#"{"crm_info":{"deal_id":"D"}}"#)).len(), 1);
    }
}
