//! Rows written into a table's builders.

use std::fmt::Write as _;

use arrow::array::{RecordBatch, RecordBatchOptions, StringBuilder};
use clarion_core::json::Json;

use super::column::{Builder, Value};
use super::contract::Computed;
use super::people::{People, Person};
use super::plan::{Plan, PlanColumn, ValueFrom};
use super::record::Record;
use super::reject::Rejects;
use super::rows::Row;
use super::value::{call_seconds, person_key};

/// The rows of one table in one change set.
pub(super) struct Writer<'a> {
    builders: Vec<Builder>,
    /// Values of the row in hand by slot; one allocation for all rows.
    values: Vec<Option<&'a Json<'a>>>,
    rows: usize,
    needs_person: bool,
}

/// What all rows of a record share.
pub(super) struct Context<'a> {
    pub(super) record: &'a Record<'a>,
    pub(super) people: &'a People<'a>,
    pub(super) loaded_at: i64,
}

/// A row, and who it is about.
struct Subject<'a> {
    row: &'a Row<'a>,
    id: Option<&'a Json<'a>>,
    person: Option<&'a Person<'a>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(plan: &Plan, rows: usize) -> Self {
        let build = |column: &PlanColumn| Builder::new(&column.column.kind, column.contract.as_ref(), rows);
        let about_people = [Computed::PersonId, Computed::PersonName, Computed::PersonInternal];
        Self {
            builders: plan.columns.iter().map(build).collect(),
            values: Vec::new(),
            rows: 0,
            needs_person: about_people.into_iter().any(|value| plan.computes(value)),
        }
    }

    /// Appends one value to every column; the row's fields must have been observed before.
    pub(super) fn write(
        &mut self,
        plan: &mut Plan,
        row: &Row<'a>,
        context: &Context<'a>,
        rejects: &mut Rejects,
    ) {
        plan.slots.spread(row.fields, &mut self.values);
        let values = &self.values;
        let id = values[plan.person];
        let found = || if self.needs_person { context.people.find(id) } else { None };
        let subject = Subject { row, id, person: row.person.or_else(found) };
        for (column, builder) in plan.columns.iter().zip(&mut self.builders) {
            match column.from {
                ValueFrom::Slot(slot) => builder.append(values[slot], plan.slots.name(slot), rejects),
                ValueFrom::Inner(slot, name) => {
                    builder.append(values[slot].and_then(|object| object.get(name)), name, rejects);
                }
                ValueFrom::Seconds(slot) => {
                    push_seconds(builder, values[slot], plan.slots.name(slot), rejects)
                }
                ValueFrom::Computed(value) => push_computed(builder, value, &subject, context, rejects),
                ValueFrom::Nowhere => builder.append_null(),
            }
        }
        self.rows += 1;
    }

    pub(super) fn finish(self, plan: &Plan) -> RecordBatch {
        let arrays = self.builders.into_iter().map(Builder::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        RecordBatch::try_new_with_options(plan.schema().arrow(), arrays, &options)
            .expect("the builders were made from the schema and every row went to all of them")
    }
}

fn push_seconds(builder: &mut Builder, value: Option<&Json<'_>>, field: &str, rejects: &mut Rejects) {
    let value = value.filter(|value| !value.is_null());
    let seconds = value.and_then(call_seconds);
    if value.is_some() && seconds.is_none() {
        rejects.push(field, "not a time within the call");
    }
    builder.push(seconds.map(Value::Double));
}

fn push_computed(
    builder: &mut Builder,
    value: Computed,
    subject: &Subject<'_>,
    context: &Context<'_>,
    rejects: &mut Rejects,
) {
    let person = subject.person;
    let value = match value {
        Computed::TranscriptText => return builder.push_written(|text| write_transcript(context, text)),
        Computed::OuterIndex => Some(index(subject.row.outer)),
        Computed::Index => Some(index(subject.row.index)),
        Computed::Role => person.map(|person| Value::Text(person.role.name())),
        Computed::PersonId => person_id(subject.id, rejects).map(Value::Integer),
        Computed::PersonName => person.and_then(|person| person.name.as_deref()).map(Value::Text),
        Computed::PersonEmail => person.and_then(|person| person.email.as_deref()).map(Value::Text),
        Computed::PersonPhone => person.and_then(|person| person.phone.as_deref()).map(Value::Text),
        Computed::PersonInternal => person.and_then(Person::is_internal).map(Value::Boolean),
        Computed::Joined => person.map(|person| Value::Boolean(person.joined)),
        of_record => of_record_value(of_record, context),
    };
    builder.push(value);
}

/// The values that are the same in all rows of a record.
fn of_record_value<'a>(value: Computed, context: &Context<'a>) -> Option<Value<'a>> {
    let record = context.record;
    let entry = record.item.entry;
    match value {
        Computed::Key => Some(Value::Text(entry.key.as_str())),
        Computed::CallTime => record.time.map(Value::Timestamp),
        // Unknown counts as private.
        Computed::IsPrivate => Some(Value::Boolean(entry.private != Some(false))),
        Computed::ExtractedAt => Some(Value::Timestamp(entry.observed_at.timestamp_micros())),
        Computed::LoadedAt => Some(Value::Timestamp(context.loaded_at)),
        Computed::RunId => Some(Value::Text(record.item.run_id.as_str())),
        Computed::Position => Some(Value::Integer(record.item.position.pack())),
        _ => None,
    }
}

fn index(index: usize) -> Value<'static> {
    Value::Integer(i64::try_from(index).unwrap_or(i64::MAX))
}

fn person_id(id: Option<&Json<'_>>, rejects: &mut Rejects) -> Option<i64> {
    let id = id.filter(|id| !id.is_null())?;
    let number = person_key(id).and_then(|key| key.parse().ok());
    if number.is_none() {
        rejects.push("personId", "not a number");
    }
    number
}

/// `Name: text` lines; nothing at all without a transcript.
fn write_transcript(context: &Context<'_>, out: &mut StringBuilder) -> bool {
    let turns = context.record.json.get("transcript").and_then(Json::as_list).unwrap_or_default();
    let mut is_first = true;
    for turn in turns {
        let (text, id) = text_and_person(turn);
        let Some(text) = text.and_then(Json::as_str) else { continue };
        let label = context.people.find(id).and_then(Person::label);
        let lead = if is_first { "" } else { "\n" };
        let written = match (label, id.and_then(person_key)) {
            (Some(label), _) => out.write_str(lead).and_then(|()| out.write_str(label)),
            (None, Some(id)) => write!(out, "{lead}Speaker {id}"),
            (None, None) => write!(out, "{lead}Speaker"),
        };
        written
            .and_then(|()| out.write_str(": "))
            .and_then(|()| out.write_str(text))
            .expect("writing to memory does not fail");
        is_first = false;
    }
    !is_first
}

/// In one pass: turns are most of what a load reads.
fn text_and_person<'a>(turn: &'a Json<'a>) -> (Option<&'a Json<'a>>, Option<&'a Json<'a>>) {
    let Json::Object(fields) = turn else { return (None, None) };
    let (mut text, mut person) = (None, None);
    for (name, value) in fields {
        match name.as_ref() {
            "text" => text = Some(value),
            "personId" => person = Some(value),
            _ => {}
        }
    }
    (text, person)
}
