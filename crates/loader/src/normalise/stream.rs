//! A stream's tables: its own and its children.

use std::collections::BTreeMap;
use std::sync::Arc;

use clarion_core::json::Json;
use clarion_core::{
    ChangeSet, Item, Op, RecordKey, RejectedValue, StreamName, TableChange, TableName, TableSchema, Tombstone,
};

use super::contract::{CONTRACTS, Contract, Rows};
use super::people::People;
use super::plan::Plan;
use super::record::Record;
use super::reject::Rejects;
use super::rows::{Row, each_row};
use super::write::{Context, Writer};

pub(super) struct StreamTables {
    stream: StreamName,
    contract: Option<&'static Contract>,
    table: Plan,
    children: Vec<ChildTable>,
}

struct ChildTable {
    rows: Rows,
    plan: Plan,
}

impl StreamTables {
    pub(super) fn new(stream: &StreamName, existing: &BTreeMap<TableName, Arc<TableSchema>>) -> Self {
        let contract = CONTRACTS.into_iter().find(|contract| contract.stream == *stream);
        let schema_of = |table: &TableName| existing.get(table).map(AsRef::as_ref);
        let children = contract.map(|contract| contract.children).unwrap_or_default();
        Self {
            stream: stream.clone(),
            contract,
            table: Plan::of_stream(stream, contract, schema_of(&stream.table())),
            children: children
                .iter()
                .map(|child| ChildTable {
                    rows: child.rows,
                    plan: Plan::of_child(stream, child, schema_of(&TableName::of(child.table))),
                })
                .collect(),
        }
    }

    pub(super) fn schemas(&self) -> impl Iterator<Item = &Arc<TableSchema>> {
        std::iter::once(&self.table).chain(self.children.iter().map(|child| &child.plan)).map(Plan::schema)
    }

    /// Adds the changes of the stream's tables to `change`.
    pub(super) fn normalise(&mut self, items: &[&Item<'_>], loaded_at: i64, change: &mut ChangeSet) {
        let records = self.read(items, &mut change.rejected);
        let people: Vec<People<'_>> = if self.children.is_empty() {
            Vec::new()
        } else {
            records.iter().map(|record| People::of(&record.json)).collect()
        };
        self.observe(&records, &people);
        self.write(&records, &people, loaded_at, change);
        let first = change.tables.len() - 1 - self.children.len();
        self.finish_tables(items, &records, &mut change.tables[first..]);
    }

    /// The records that are objects, sorted by time (none first), then key.
    fn read<'a>(&self, items: &[&'a Item<'a>], rejected: &mut Vec<RejectedValue>) -> Vec<Record<'a>> {
        let time = self.contract.and_then(|contract| contract.time);
        let mut records = Vec::with_capacity(items.len());
        for item in items.iter().filter(|item| item.entry.op == Op::Upsert) {
            match Record::read(item, time) {
                Ok(record) => records.push(record),
                Err(reason) => rejected.push(RejectedValue {
                    stream: self.stream.clone(),
                    key: item.entry.key.clone(),
                    reason: format!("record: {reason}"),
                }),
            }
        }
        records.sort_by(|a, b| (a.time, &a.item.entry.key).cmp(&(b.time, &b.item.entry.key)));
        records
    }

    fn observe<'a>(&mut self, records: &'a [Record<'a>], people: &'a [People<'a>]) {
        let mut values: Vec<Option<&Json<'_>>> = Vec::new();
        let mut ignored = Rejects::default();
        for record in records {
            self.table.observe(record.fields(), &mut values);
        }
        for child in &mut self.children {
            for (record, people) in records.iter().zip(people) {
                each_row(child.rows, &record.json, people, &mut ignored, |row, _| {
                    child.plan.observe(row.fields, &mut values);
                });
            }
            child.plan.refresh();
        }
        self.table.refresh();
    }

    fn write<'a>(
        &mut self,
        records: &'a [Record<'a>],
        people: &'a [People<'a>],
        loaded_at: i64,
        change: &mut ChangeSet,
    ) {
        let nobody = People::default();
        let mut rejects = Rejects::default();
        let mut table = Writer::new(&self.table, records.len());
        let mut children: Vec<Writer<'_>> =
            self.children.iter().map(|child| Writer::new(&child.plan, 0)).collect();
        for (at, record) in records.iter().enumerate() {
            let people = people.get(at).unwrap_or(&nobody);
            let context = Context { record, people, loaded_at };
            rejects.within("");
            let own = Row { fields: record.fields(), outer: 0, index: 0, person: None };
            table.write(&mut self.table, &own, &context, &mut rejects);
            for (child, writer) in self.children.iter_mut().zip(&mut children) {
                rejects.within(child.rows.path());
                each_row(child.rows, &record.json, people, &mut rejects, |row, rejects| {
                    writer.write(&mut child.plan, &row, &context, rejects);
                });
            }
            change.rejected.extend(rejects.take(&self.stream, &record.item.entry.key));
        }
        change.tables.push(table_change(&self.table, table));
        for (child, writer) in self.children.iter().zip(children) {
            change.tables.push(table_change(&child.plan, writer));
        }
    }

    /// Adds what the tables have to know beside rows: parents whose children are replaced, and what is deleted.
    fn finish_tables(&self, items: &[&Item<'_>], records: &[Record<'_>], tables: &mut [TableChange]) {
        let parents: Vec<RecordKey> = records.iter().map(|record| record.item.entry.key.clone()).collect();
        let deleted = items.iter().filter(|item| item.entry.op == Op::Delete);
        let tombstones: Vec<Tombstone> = deleted
            .map(|item| Tombstone {
                key: item.entry.key.clone(),
                deleted_at: item.entry.observed_at,
                position: item.position,
                run_id: item.run_id.clone(),
            })
            .collect();
        for table in tables {
            if table.schema.parent.is_some() {
                table.parents.clone_from(&parents);
            }
            table.tombstones.clone_from(&tombstones);
        }
    }
}

fn table_change(plan: &Plan, writer: Writer<'_>) -> TableChange {
    TableChange {
        schema: Arc::clone(plan.schema()),
        rows: writer.finish(plan),
        parents: Vec::new(),
        tombstones: Vec::new(),
    }
}
