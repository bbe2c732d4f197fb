//! Rows written into a table's builders.

use std::fmt::Write as _;
use std::sync::Arc;

use arrow::array::{RecordBatch, StringBuilder, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use clarion_core::Result;
use clarion_core::json::Json;

use super::column::{Builder, Value};
use super::contract::Computed;
use super::people::Person;
use super::plan::{Plan, PlanColumn, ValueFrom};
use super::reject::Rejects;
use super::rows::{Pass, Row};
use super::value::{call_seconds, day_micros, person_key};
use crate::evolve::conform;

/// The rows of one table in one change set.
///
/// Types are learnt while rows are written: when a row needs a wider schema, the rows before it are sealed as they
/// are and brought to the final schema at the end. That is rare, so that a record is read, written and forgotten
/// while it is still in the processor's cache.
pub(super) struct Writer {
    builders: Vec<Builder>,
    schema: SchemaRef,
    rows: usize,
    sealed: Vec<RecordBatch>,
    needs_person: bool,
}

/// A row, and who it is about.
struct Subject<'a> {
    row: &'a Row<'a>,
    id: Option<&'a Json<'a>>,
    person: Option<&'a Person<'a>>,
}

impl Writer {
    pub(super) fn new(plan: &Plan) -> Self {
        let about_people = [Computed::PersonId, Computed::PersonName, Computed::PersonInternal];
        Self {
            builders: builders(plan),
            schema: plan.schema().arrow(),
            rows: 0,
            sealed: Vec::new(),
            needs_person: about_people.into_iter().any(|value| plan.computes(value)),
        }
    }

    /// Rows so far.
    pub(super) fn len(&self) -> usize {
        self.rows + self.sealed.iter().map(RecordBatch::num_rows).sum::<usize>()
    }

    /// Appends one value to every column, which widen as they must.
    pub(super) fn write<'a>(&mut self, plan: &mut Plan, row: &Row<'a>, pass: &mut Pass<'a>) {
        plan.slots.spread(row.fields, &mut pass.values);
        if plan.observe(&pass.values, pass.record.item.position) {
            self.seal();
            self.builders = builders(plan);
            self.schema = plan.schema().arrow();
        }
        let id = pass.values[plan.person];
        let found = if self.needs_person { row.person.or_else(|| pass.people.find(id)) } else { None };
        let subject = Subject { row, id, person: found };
        for (column, builder) in plan.columns.iter().zip(&mut self.builders) {
            let rejects = &mut pass.rejects;
            // As somebody wanted it: told as what the contract keeps out, and no rejected value.
            if column.is_kept_out {
                builder.append_null();
                continue;
            }
            match column.from {
                ValueFrom::Slot(slot) => builder.append(pass.values[slot], plan.slots.name(slot), rejects),
                ValueFrom::Inner(slot, name) => {
                    builder.append(pass.values[slot].and_then(|object| object.get(name)), name, rejects);
                }
                ValueFrom::Seconds(slot) => {
                    push_seconds(builder, pass.values[slot], plan.slots.name(slot), rejects);
                }
                ValueFrom::Day(slot) => push_day(builder, pass.values[slot], plan.slots.name(slot), rejects),
                ValueFrom::Computed(value) => push_computed(builder, value, &subject, pass),
                ValueFrom::Others => {
                    let named = |slot: &usize| Some((plan.slots.name(*slot), pass.values[*slot]?));
                    builder.append_object(plan.others.iter().filter_map(named));
                }
                ValueFrom::Nowhere => builder.append_null(),
            }
        }
        self.rows += 1;
    }

    /// All rows in the table's final schema; in the order of `rows` if it is given.
    pub(super) fn finish(mut self, plan: &mut Plan, rows: Option<UInt64Array>) -> RecordBatch {
        self.remember_sizes(plan);
        self.seal();
        let batch = match self.sealed.len() {
            0 => RecordBatch::new_empty(plan.schema().arrow()),
            1 => self.sealed.swap_remove(0),
            _ => self.join(plan),
        };
        match rows {
            Some(rows) => take_record_batch(&batch, &rows).expect("every row is named once"),
            None => batch,
        }
    }

    /// The next chunk is about as large as this one.
    fn remember_sizes(&self, plan: &mut Plan) {
        plan.expected_rows = self.len();
        for (column, builder) in plan.columns.iter_mut().zip(&self.builders) {
            column.expected_bytes = builder.text_bytes();
        }
    }

    fn join(&self, plan: &Plan) -> RecordBatch {
        let conformed = self.sealed.iter().map(|batch| conform(batch, plan.schema()));
        let batches: Vec<RecordBatch> = conformed.collect::<Result<_>>().expect("schemas only ever widen");
        concat_batches(&plan.schema().arrow(), &batches).expect("all batches were brought to one schema")
    }

    fn seal(&mut self) {
        let builders = std::mem::take(&mut self.builders);
        // What widens the schema is often the first row: there is nothing before it.
        if self.rows == 0 {
            return;
        }
        let arrays = builders.into_iter().map(Builder::finish).collect();
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .expect("the builders were made from the schema and every row went to all of them");
        self.sealed.push(batch);
        self.rows = 0;
    }
}

fn builders(plan: &Plan) -> Vec<Builder> {
    let build = |column: &PlanColumn| {
        let builder = Builder::new(&column.column.kind, column.contract.as_ref());
        builder.with_capacity(plan.expected_rows, column.expected_bytes)
    };
    plan.columns.iter().map(build).collect()
}

fn push_seconds(builder: &mut Builder, value: Option<&Json<'_>>, field: &str, rejects: &mut Rejects) {
    let value = value.filter(|value| !value.is_null());
    let seconds = value.and_then(call_seconds);
    if value.is_some() && seconds.is_none() {
        rejects.push(field, "not a time within the call");
    }
    builder.push(seconds.map(Value::Double));
}

fn push_day(builder: &mut Builder, value: Option<&Json<'_>>, field: &str, rejects: &mut Rejects) {
    let value = value.filter(|value| !value.is_null());
    let begins = value.and_then(day_micros);
    if value.is_some() && begins.is_none() {
        rejects.push(field, "not a day");
    }
    builder.push(begins.map(Value::Timestamp));
}

fn push_computed(builder: &mut Builder, value: Computed, subject: &Subject<'_>, pass: &mut Pass<'_>) {
    let person = subject.person;
    let value = match value {
        Computed::TranscriptText => return builder.push_written(|text| write_transcript(pass, text)),
        Computed::OuterIndex => Some(index(subject.row.outer)),
        Computed::Index => Some(index(subject.row.index)),
        Computed::Role => person.map(|person| Value::Text(person.role.name())),
        Computed::PersonId => person_id(subject.id, &mut pass.rejects).map(Value::Integer),
        Computed::PersonName => person.and_then(|person| person.name.as_deref()).map(Value::Text),
        Computed::PersonEmail => person.and_then(|person| person.email.as_deref()).map(Value::Text),
        Computed::PersonPhone => person.and_then(|person| person.phone.as_deref()).map(Value::Text),
        Computed::PersonInternal => person.and_then(Person::is_internal).map(Value::Boolean),
        Computed::Joined => person.map(|person| Value::Boolean(person.joined)),
        of_record => of_record_value(of_record, pass),
    };
    builder.push(value);
}

/// The values that are the same in all rows of a record.
fn of_record_value<'a>(value: Computed, pass: &Pass<'a>) -> Option<Value<'a>> {
    let record = pass.record;
    let (entry, gone) = (record.item.entry, record.item.gone);
    match value {
        Computed::Key => Some(Value::Text(entry.key.as_str())),
        Computed::CallTime => record.time.map(Value::Timestamp),
        // Unknown counts as private.
        Computed::IsPrivate => Some(Value::Boolean(entry.private != Some(false))),
        Computed::ExtractedAt => Some(Value::Timestamp(entry.observed_at.timestamp_micros())),
        Computed::LoadedAt => Some(Value::Timestamp(pass.loaded_at)),
        Computed::RunId => Some(Value::Text(gone.map_or(record.item.run_id, |gone| gone.run_id).as_str())),
        Computed::Position => {
            Some(Value::Integer(gone.map_or(record.item.position, |gone| gone.position).pack()))
        }
        Computed::DeletedAt => gone.map(|gone| Value::Timestamp(gone.at.timestamp_micros())),
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
fn write_transcript(pass: &Pass<'_>, out: &mut StringBuilder) -> bool {
    let turns = pass.record.json.get("transcript").and_then(Json::as_list).unwrap_or_default();
    let mut is_first = true;
    for turn in turns {
        let (text, id) = text_and_person(turn);
        let Some(text) = text.and_then(Json::as_str) else { continue };
        let label = pass.people.find(id).and_then(Person::label);
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
