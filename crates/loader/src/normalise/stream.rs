//! A stream's tables: its own and its children.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::UInt64Array;
use clarion_core::{
    ChangeSet, ColumnNames, Contract as Allowed, Item, Op, RecordKey, RejectedValue, StreamName, TableChange,
    TableName, TableSchema, Tombstone,
};

use super::contract::{CONTRACTS, Contract, Rows};
use super::people::People;
use super::plan::Plan;
use super::record::Record;
use super::reject::Rejects;
use super::rows::{Pass, Row, each_row};
use super::write::Writer;

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

/// What one chunk adds to the tables.
struct Load {
    loaded_at: i64,
    table: Writer,
    children: Vec<ChildRows>,
    /// Times and keys of the records in the order in which they were written.
    written: Vec<(Option<i64>, RecordKey)>,
}

struct ChildRows {
    writer: Writer,
    /// Where each record's rows end.
    ends: Vec<usize>,
}

impl Load {
    fn new(tables: &StreamTables, loaded_at: i64) -> Self {
        let child_rows =
            |child: &ChildTable| ChildRows { writer: Writer::new(&child.plan), ends: Vec::new() };
        Self {
            loaded_at,
            table: Writer::new(&tables.table),
            children: tables.children.iter().map(child_rows).collect(),
            written: Vec::new(),
        }
    }
}

impl StreamTables {
    /// `key` are the vendor fields that identify a record; without them those of the contract, or else `id`.
    pub(super) fn new(
        stream: &StreamName,
        key: Option<&[String]>,
        allowed: Allowed,
        existing: &BTreeMap<TableName, Arc<TableSchema>>,
    ) -> Self {
        let contract = CONTRACTS.into_iter().find(|contract| contract.stream == *stream);
        let of_contract = || contract.map_or(&["id"][..], |contract| contract.key);
        let key = key
            .map_or_else(|| of_contract().iter().map(|field| (*field).to_owned()).collect(), <[_]>::to_vec);
        let has_time = contract.is_some_and(|contract| contract.time.is_some());
        let schema_of = |table: &TableName| existing.get(table).map(AsRef::as_ref);
        let children = contract.map(|contract| contract.children).unwrap_or_default();
        // What a table of which nothing is known may hold is what its first load brings.
        let is_known = contract.is_some() || existing.contains_key(&stream.table());
        let allowed = if is_known { allowed } else { Allowed::Evolve };
        Self {
            stream: stream.clone(),
            contract,
            table: Plan::of_stream(stream, &key, contract, schema_of(&stream.table())).under(allowed),
            children: children
                .iter()
                .map(|child| ChildTable {
                    rows: child.rows,
                    plan: Plan::of_child(stream, child, has_time, schema_of(&TableName::of(child.table)))
                        .under(allowed),
                })
                .collect(),
        }
    }

    /// Says which columns fields are to have that the tables do not have.
    pub(super) fn called(mut self, names: &ColumnNames) -> Self {
        for plan in
            std::iter::once(&mut self.table).chain(self.children.iter_mut().map(|child| &mut child.plan))
        {
            let of_table = names.get(&plan.schema().table);
            plan.call(of_table.cloned().unwrap_or_default());
        }
        self
    }

    pub(super) fn schemas(&self) -> impl Iterator<Item = &Arc<TableSchema>> {
        std::iter::once(&self.table).chain(self.children.iter().map(|child| &child.plan)).map(Plan::schema)
    }

    /// Adds the changes of the stream's tables to `change`.
    pub(super) fn normalise(&mut self, items: &[&Item<'_>], loaded_at: i64, change: &mut ChangeSet) {
        let mut upserts: Vec<&Item<'_>> =
            items.iter().copied().filter(|item| item.entry.op == Op::Upsert).collect();
        // Nearly always the order of the records' own times, so that nothing has to be moved afterwards.
        upserts.sort_by_key(|item| (item.entry.time, &item.entry.key));
        let mut load = Load::new(self, loaded_at);
        for item in upserts {
            let time = self.contract.and_then(|contract| contract.time);
            match Record::read(item, time) {
                Ok(record) => self.write(&record, &mut load, &mut change.rejected),
                Err(reason) => change.rejected.push(RejectedValue {
                    stream: self.stream.clone(),
                    key: item.entry.key.clone(),
                    reason: format!("record: {reason}"),
                }),
            }
        }
        self.finish(items, load, change);
    }

    fn write(&mut self, record: &Record<'_>, load: &mut Load, rejected: &mut Vec<RejectedValue>) {
        let people = if self.children.is_empty() { People::default() } else { People::of(&record.json) };
        let (loaded_at, key) = (load.loaded_at, &record.item.entry.key);
        let mut pass =
            Pass { record, people: &people, loaded_at, values: Vec::new(), rejects: Rejects::default() };
        let own = Row { fields: record.fields(), outer: 0, index: 0, person: None };
        load.table.write(&mut self.table, &own, &mut pass);
        for (child, rows) in self.children.iter_mut().zip(&mut load.children) {
            pass.rejects.within(child.rows.path());
            each_row(child.rows, &mut pass, |row, pass| rows.writer.write(&mut child.plan, &row, pass));
            rows.ends.push(rows.writer.len());
        }
        rejected.extend(pass.rejects.into_values(&self.stream, key));
        load.written.push((record.time, key.clone()));
    }

    fn finish(&mut self, items: &[&Item<'_>], load: Load, change: &mut ChangeSet) {
        let order = sorted(&load.written);
        let first = change.tables.len();
        let rows = order.as_ref().map(|order| order.iter().map(|at| *at as u64).collect());
        change.tables.push(table_change(&mut self.table, load.table, rows));
        for (child, rows) in self.children.iter_mut().zip(load.children) {
            let order = order.as_ref().map(|order| rows_of(order, &rows.ends));
            change.tables.push(table_change(&mut child.plan, rows.writer, order));
        }
        change.novelties.extend(self.table.take_novelties());
        change.novelties.extend(self.children.iter_mut().flat_map(|child| child.plan.take_novelties()));
        let parents: Vec<RecordKey> = load.written.into_iter().map(|(_, key)| key).collect();
        Self::complete(items, &parents, &mut change.tables[first..]);
    }

    /// Adds what the tables have to know beside rows: parents whose children are replaced, and what is deleted.
    fn complete(items: &[&Item<'_>], parents: &[RecordKey], tables: &mut [TableChange]) {
        let tombstone = |item: &&Item<'_>| {
            let gone = item.deletion()?;
            Some(Tombstone {
                key: item.entry.key.clone(),
                deleted_at: gone.at,
                position: gone.position,
                run_id: gone.run_id.clone(),
            })
        };
        let tombstones: Vec<Tombstone> = items.iter().filter_map(tombstone).collect();
        for table in tables {
            if table.schema.parent.is_some() {
                table.parents = parents.to_vec();
            }
            table.tombstones.clone_from(&tombstones);
        }
    }
}

/// The order of records by time (none first), then key; `None` if they were written in it.
fn sorted(written: &[(Option<i64>, RecordKey)]) -> Option<Vec<usize>> {
    if written.is_sorted() {
        return None;
    }
    let mut order: Vec<usize> = (0..written.len()).collect();
    order.sort_by_key(|at| &written[*at]);
    Some(order)
}

/// The rows of the records in `order`, given where each record's rows end.
fn rows_of(order: &[usize], ends: &[usize]) -> UInt64Array {
    let rows = |at: usize| {
        let start = if at == 0 { 0 } else { ends[at - 1] };
        start as u64..ends[at] as u64
    };
    order.iter().flat_map(|at| rows(*at)).collect()
}

fn table_change(plan: &mut Plan, writer: Writer, order: Option<UInt64Array>) -> TableChange {
    let rows = writer.finish(plan, order);
    TableChange { schema: Arc::clone(plan.schema()), rows, parents: Vec::new(), tombstones: Vec::new() }
}
