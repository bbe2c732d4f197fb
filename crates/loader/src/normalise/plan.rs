//! A table's columns, where their values come from, and how both grow with the records.

use std::collections::BTreeMap;
use std::sync::Arc;

use clarion_core::json::Json;
use clarion_core::{
    Column, ColumnType, Contract as Allowed, Novelty, Position, StreamName, TableName, TableSchema,
};

use super::contract::{Child, Computed, Contract, Field, From, JOINT_KEY, Kind, Rows};
use super::names::{OTHER_FIELDS, column_name, snake_case};
use super::observe::{infer, observe, would_widen};
use super::slots::Slots;
use crate::evolve::{SYSTEM_COLUMNS, column_order, merge_types};

/// Columns of a table, past which new fields share one. Postgres has room for 1600, of which each widening uses one up.
const MAX_COLUMNS: usize = 800;

/// What is known of one table.
pub(super) struct Plan {
    /// As the columns are between two rows.
    schema: Arc<TableSchema>,
    pub(super) columns: Vec<PlanColumn>,
    pub(super) slots: Slots,
    /// Slots whose fields are no columns yet, because they never said anything.
    unclaimed: Vec<usize>,
    is_claimed: Vec<bool>,
    /// Slots of the fields that share a column, in the order of their names.
    pub(super) others: Vec<usize>,
    /// The field that says who the row is about.
    pub(super) person: usize,
    /// Rows of the last chunk.
    pub(super) expected_rows: usize,
    /// The columns that fields had before, where they have none now.
    names: BTreeMap<String, String>,
    /// How many of these are not there yet: room is kept for them.
    awaited: usize,
    /// What becomes of what the table has no room for.
    allowed: Allowed,
    /// What it had no room for, since they were last taken.
    novelties: Vec<Novelty>,
}

pub(super) struct PlanColumn {
    pub(super) column: Column,
    pub(super) from: ValueFrom,
    pub(super) contract: Option<ColumnType>,
    /// Bytes of text in the last chunk.
    pub(super) expected_bytes: usize,
    /// The value of the row in hand is kept out, since the column may not widen for it.
    pub(super) is_kept_out: bool,
}

pub(super) enum ValueFrom {
    Slot(usize),
    Inner(usize, &'static str),
    Seconds(usize),
    Day(usize),
    Computed(Computed),
    /// All fields that have no column of their own, as one object.
    Others,
    /// A column that only the destination knows.
    Nowhere,
}

impl Plan {
    /// The table of a stream's own records, which the vendor fields `key` identify.
    pub(super) fn of_stream(
        stream: &StreamName,
        key: &[String],
        contract: Option<&Contract>,
        existing: Option<&TableSchema>,
    ) -> Self {
        let column = key_column(key);
        let mut plan = Self::empty(TableSchema {
            table: stream.table(),
            stream: stream.clone(),
            key: vec![column.clone()],
            parent: None,
            time: match contract {
                Some(contract) => contract.time.map(str::to_owned),
                None => existing.and_then(|existing| existing.time.clone()),
            },
            columns: Vec::new(),
        });
        plan.declare_computed(&column, ColumnType::Text, Computed::Key);
        if let [field] = key {
            plan.claim(field);
        }
        let fields = contract.into_iter().flat_map(|contract| contract.fields.iter().copied().flatten());
        // Configuration may name another key than the contract does.
        for field in fields.filter(|field| field.column != column) {
            plan.declare(field);
        }
        for field in contract.into_iter().flat_map(|contract| contract.elsewhere) {
            plan.claim(field);
        }
        plan.complete(existing)
    }

    /// A table with several rows for each record.
    /// With a `time` the rows are sorted by that of their parent.
    pub(super) fn of_child(
        stream: &StreamName,
        child: &Child,
        time: bool,
        existing: Option<&TableSchema>,
    ) -> Self {
        let mut key = vec![child.parent.to_owned(), "idx".to_owned()];
        if matches!(child.rows, Rows::Nested(..)) {
            key.insert(1, "topic_idx".to_owned());
        }
        let mut plan = Self::empty(TableSchema {
            table: TableName::of(child.table),
            stream: stream.clone(),
            key: key.clone(),
            parent: Some(child.parent.to_owned()),
            time: time.then(|| "call_time".to_owned()),
            columns: Vec::new(),
        });
        for column in key {
            let (kind, value) = match column.as_str() {
                "idx" => (ColumnType::Integer, Computed::Index),
                "topic_idx" => (ColumnType::Integer, Computed::OuterIndex),
                _ => (ColumnType::Text, Computed::Key),
            };
            plan.declare_computed(&column, kind, value);
        }
        for field in child.fields {
            plan.declare(field);
        }
        if time {
            plan.declare_computed("call_time", ColumnType::Timestamp, Computed::CallTime);
        }
        for field in child.consumed {
            plan.claim(field);
        }
        plan.complete(existing)
    }

    pub(super) fn schema(&self) -> &Arc<TableSchema> {
        &self.schema
    }

    /// Whether the table has a column with this value.
    pub(super) fn computes(&self, value: Computed) -> bool {
        self.columns.iter().any(|column| matches!(column.from, ValueFrom::Computed(other) if other == value))
    }

    /// What to do with what the table has no room for; as it is now, it is what the table may hold.
    pub(super) fn under(mut self, allowed: Allowed) -> Self {
        self.allowed = allowed;
        self
    }

    /// Fields that get a column get the one that they have here; no other field gets that.
    pub(super) fn call(&mut self, names: BTreeMap<String, String>) {
        let is_there = |name: &String| self.columns.iter().any(|known| known.column.name == *name);
        self.awaited = names.values().filter(|name| !is_there(name)).count();
        self.names = names;
    }

    pub(super) fn take_novelties(&mut self) -> Vec<Novelty> {
        std::mem::take(&mut self.novelties)
    }

    /// Widens columns so that they hold a row's values, and adds columns for fields that are new. Says whether the
    /// schema changed. `position` is the record's.
    pub(super) fn observe(&mut self, values: &[Option<&Json<'_>>], position: Position) -> bool {
        if self.allowed != Allowed::Evolve {
            self.keep_shape(values, position);
            return false;
        }
        let mut is_wider = false;
        for column in &mut self.columns {
            let value = match column.from {
                ValueFrom::Slot(slot) => values[slot],
                ValueFrom::Inner(slot, name) => values[slot].and_then(|value| value.get(name)),
                _ => None,
            };
            if let Some(value) = value
                && observe(&mut column.column.kind, value, column.contract.as_ref())
            {
                is_wider = true;
                self.novelties.push(novelty(&self.schema, &column.column, position, String::new()));
            }
        }
        is_wider |= self.find_new_fields(values, position);
        if is_wider {
            self.refresh();
        }
        is_wider
    }

    /// Brings the schema up to the columns.
    fn refresh(&mut self) {
        self.columns.sort_by(|a, b| column_order(&a.column, &b.column));
        let columns = self.columns.iter().map(|column| column.column.clone());
        Arc::make_mut(&mut self.schema).columns = columns.collect();
    }

    /// Notes what the row has beyond the table, which stays as it is.
    fn keep_shape(&mut self, values: &[Option<&Json<'_>>], position: Position) {
        for column in &mut self.columns {
            let value = match column.from {
                ValueFrom::Slot(slot) => values[slot],
                ValueFrom::Inner(slot, name) => values[slot].and_then(|value| value.get(name)),
                _ => None,
            };
            column.is_kept_out = false;
            let (kind, contract) = (&column.column.kind, column.contract.as_ref());
            if let Some(value) = value.filter(|value| would_widen(kind, value, contract)) {
                let mut wider = kind.clone();
                observe(&mut wider, value, contract);
                // New fields of an object can be left out of it; any other value goes as a whole.
                column.is_kept_out = !only_adds_fields(&column.column.kind, &wider);
                let seen = format!("{} in a column of {}", wider, column.column.kind);
                let novelty = novelty(&self.schema, &column.column, position, seen);
                note(&mut self.novelties, Novelty { under: self.allowed, ..novelty });
            }
        }
        for (slot, kind) in self.new_fields(values) {
            // What already holds any field holds this one.
            if self.columns.iter().any(|column| matches!(column.from, ValueFrom::Others)) {
                self.share(slot);
                continue;
            }
            let source = self.slots.name(slot).to_owned();
            let column = Column { name: self.name_of(&source), kind, source, declared: false };
            let seen = format!("new field ({})", column.kind);
            let novelty = novelty(&self.schema, &column, position, seen);
            note(&mut self.novelties, Novelty { under: self.allowed, ..novelty });
        }
    }

    /// Fields that say something for the first time, with what they say.
    fn new_fields(&mut self, values: &[Option<&Json<'_>>]) -> Vec<(usize, ColumnType)> {
        for slot in self.is_claimed.len()..values.len() {
            self.is_claimed.push(false);
            self.unclaimed.push(slot);
        }
        let mut waiting = std::mem::take(&mut self.unclaimed);
        let mut found = Vec::new();
        waiting.retain(|slot| match values[*slot].and_then(infer) {
            Some(kind) => {
                found.push((*slot, kind));
                false
            }
            None => true,
        });
        self.unclaimed = waiting;
        // Which of two that want one name gets it must not depend on their order: whoever is spelt like it comes first.
        found.sort_by_key(|(slot, _)| {
            let source = self.slots.name(*slot);
            (snake_case(source) != source, source.to_owned())
        });
        found
    }

    fn find_new_fields(&mut self, values: &[Option<&Json<'_>>], position: Position) -> bool {
        let mut has_new = false;
        for (slot, kind) in self.new_fields(values) {
            let added =
                if self.has_room(slot) { Some(self.add_inferred(slot, kind)) } else { self.share(slot) };
            if let Some(column) = added {
                self.novelties.push(novelty(&self.schema, &column, position, String::new()));
                has_new = true;
            }
        }
        has_new
    }

    /// Whether a field may have a column of its own. One that had one before has it again.
    fn has_room(&self, slot: usize) -> bool {
        self.columns.len() + self.awaited < MAX_COLUMNS || self.names.contains_key(self.slots.name(slot))
    }

    /// Puts a field with the others that share a column; gives that column if it is new.
    fn share(&mut self, slot: usize) -> Option<Column> {
        self.is_claimed[slot] = true;
        let at = self.others.partition_point(|other| self.slots.name(*other) < self.slots.name(slot));
        self.others.insert(at, slot);
        if self.columns.iter().any(|column| matches!(column.from, ValueFrom::Others)) {
            return None;
        }
        let (name, source) = (OTHER_FIELDS.to_owned(), String::new());
        let column = Column { name, kind: ColumnType::Json, source, declared: false };
        self.columns.push(PlanColumn::new(column.clone(), ValueFrom::Others, None));
        Some(column)
    }

    fn add_inferred(&mut self, slot: usize, kind: ColumnType) -> Column {
        let source = self.slots.name(slot).to_owned();
        let name = self.name_of(&source);
        self.is_claimed[slot] = true;
        if self.names.get(&source) == Some(&name) {
            self.awaited = self.awaited.saturating_sub(1);
        }
        let column = Column { name, kind, source, declared: false };
        self.columns.push(PlanColumn::new(column.clone(), ValueFrom::Slot(slot), None));
        column
    }

    /// The column for a field that has none.
    fn name_of(&self, source: &str) -> String {
        let is_there = |name: &str| self.columns.iter().any(|known| known.column.name == name);
        if let Some(name) = self.names.get(source).filter(|name| !is_there(name)) {
            return name.clone();
        }
        let is_kept = |name: &str| self.names.iter().any(|(field, column)| column == name && field != source);
        column_name(source, |name| is_there(name) || is_kept(name))
    }

    fn empty(schema: TableSchema) -> Self {
        let mut plan = Self {
            schema: Arc::new(schema),
            columns: Vec::new(),
            slots: Slots::default(),
            unclaimed: Vec::new(),
            is_claimed: Vec::new(),
            others: Vec::new(),
            person: 0,
            expected_rows: 0,
            names: BTreeMap::new(),
            awaited: 0,
            allowed: Allowed::Evolve,
            novelties: Vec::new(),
        };
        plan.person = plan.slots.number("personId");
        plan.is_claimed.push(false);
        plan.unclaimed.push(plan.person);
        plan
    }

    /// The system's columns, and what the destination has beyond the contract: its wider types win.
    fn complete(mut self, existing: Option<&TableSchema>) -> Self {
        const SYSTEM: [Computed; 5] = [
            Computed::ExtractedAt,
            Computed::LoadedAt,
            Computed::RunId,
            Computed::Position,
            Computed::DeletedAt,
        ];
        for ((name, kind), value) in SYSTEM_COLUMNS.into_iter().zip(SYSTEM) {
            self.declare_computed(name, kind, value);
        }
        for column in existing.into_iter().flat_map(|existing| &existing.columns) {
            self.adopt(column);
        }
        self.refresh();
        self
    }

    fn adopt(&mut self, column: &Column) {
        if let Some(known) = self.columns.iter_mut().find(|known| known.column.name == column.name) {
            known.column.kind = merge_types(&known.column.kind, &column.kind);
            return;
        }
        let from = match column.source.as_str() {
            "" if column.name == OTHER_FIELDS => ValueFrom::Others,
            "" => ValueFrom::Nowhere,
            source => ValueFrom::Slot(self.claim(source)),
        };
        self.columns.push(PlanColumn::new(column.clone(), from, None));
    }

    fn declare(&mut self, field: &Field) {
        let (source, from) = match field.from {
            From::Field(name) => (name.to_owned(), ValueFrom::Slot(self.claim(name))),
            From::Inner(object, name) => {
                (format!("{object}.{name}"), ValueFrom::Inner(self.claim(object), name))
            }
            From::Seconds(name) => (name.to_owned(), ValueFrom::Seconds(self.claim(name))),
            From::Day(name) => (name.to_owned(), ValueFrom::Day(self.claim(name))),
            From::Computed(value) => (String::new(), ValueFrom::Computed(value)),
        };
        let kind = Kind::column_type(field.kind);
        let column = Column { name: field.column.to_owned(), kind: kind.clone(), source, declared: true };
        self.columns.push(PlanColumn::new(column, from, Some(kind)));
    }

    fn declare_computed(&mut self, name: &str, kind: ColumnType, value: Computed) {
        let column =
            Column { name: name.to_owned(), kind: kind.clone(), source: String::new(), declared: true };
        let from = ValueFrom::Computed(value);
        self.columns.push(PlanColumn::new(column, from, Some(kind)));
    }

    /// Takes a field out of those that may become columns by themselves.
    fn claim(&mut self, field: &str) -> usize {
        let slot = self.slots.number(field);
        self.is_claimed.resize(self.is_claimed.len().max(slot + 1), false);
        self.is_claimed[slot] = true;
        self.unclaimed.retain(|other| *other != slot);
        slot
    }
}

fn novelty(schema: &TableSchema, column: &Column, position: Position, seen: String) -> Novelty {
    Novelty {
        stream: schema.stream.clone(),
        table: schema.table.clone(),
        field: column.source.clone(),
        column: column.name.clone(),
        seen,
        position,
        under: Allowed::Evolve,
    }
}

/// Once for each column, however many records show it.
fn note(novelties: &mut Vec<Novelty>, novelty: Novelty) {
    if !novelties.iter().any(|known| known.column == novelty.column) {
        novelties.push(novelty);
    }
}

/// Whether what `wider` has beyond `kind` is fields of objects.
fn only_adds_fields(kind: &ColumnType, wider: &ColumnType) -> bool {
    match (kind, wider) {
        (ColumnType::Struct(fields), ColumnType::Struct(wider)) => fields.iter().all(|(name, kind)| {
            let wider = wider.iter().find(|(other, _)| other == name);
            wider.is_some_and(|(_, wider)| only_adds_fields(kind, wider))
        }),
        (ColumnType::List(item), ColumnType::List(wider)) => only_adds_fields(item, wider),
        (kind, wider) => kind == wider,
    }
}

/// One field is a column of its own; what several identify together is beside their columns.
fn key_column(key: &[String]) -> String {
    match key {
        [field] => column_name(field, |name| SYSTEM_COLUMNS.iter().any(|(system, _)| *system == name)),
        _ => JOINT_KEY.to_owned(),
    }
}

impl PlanColumn {
    fn new(column: Column, from: ValueFrom, contract: Option<ColumnType>) -> Self {
        Self { column, from, contract, expected_bytes: 0, is_kept_out: false }
    }
}
