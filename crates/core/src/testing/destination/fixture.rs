//! Calls with parts: the smallest tables that have everything a destination treats specially.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Readback;
use crate::testing::rows::batch;
use crate::{
    ChangeSet, ChangedKeys, Column, ColumnType, Error, Fence, JournalId, LoadReport, LoadSpec, Position,
    PurgeSpec, RecordKey, RunId, StreamName, TableChange, TableName, TableSchema, Timestamp, Tombstone,
    format_timestamp, parse_timestamp,
};

/// One version of a call, with its parts.
#[derive(Debug, Clone)]
pub struct Call {
    pub id: String,
    pub time: Option<Timestamp>,
    pub position: Position,
    /// Columns beside id, time and those of our own.
    pub fields: Map<String, Value>,
    pub parts: Vec<String>,
}

/// One load: what it writes and how it is announced.
#[derive(Debug, Clone)]
pub struct Script {
    pub spec: LoadSpec,
    pub calls: Vec<Call>,
    pub deleted: Vec<(String, Position)>,
    pub schemas: [Arc<TableSchema>; 2],
}

/// The id of a test's journal; scripts load number 1 unless told otherwise.
pub fn journal(number: u8) -> JournalId {
    JournalId::from_random([number; 16])
}

/// When test loads happen, and test deletes.
pub fn at(text: &str) -> Timestamp {
    parse_timestamp(text).expect("the test's time is a time")
}

/// `calls(id, time, title, score, tags, place)`.
pub fn parents() -> TableSchema {
    let place =
        ColumnType::Struct(vec![("city".into(), ColumnType::Text), ("floor".into(), ColumnType::Integer)]);
    let columns = [
        ("id", ColumnType::Text),
        ("time", ColumnType::Timestamp),
        ("title", ColumnType::Text),
        ("score", ColumnType::Integer),
        ("tags", ColumnType::List(Box::new(ColumnType::Text))),
        ("place", place),
    ];
    table("calls", &["id"], None, "time", &columns)
}

/// `calls` after `score` met text and `mood` was new.
pub fn wider_parents() -> TableSchema {
    let mut schema = parents();
    schema.columns[3].kind = ColumnType::Text;
    let mood = Column { name: "mood".into(), kind: ColumnType::Text, source: "mood".into(), declared: false };
    schema.columns.insert(6, mood);
    schema
}

/// `call_parts(call_id, idx, call_time, text)`.
pub fn children() -> TableSchema {
    let columns = [
        ("call_id", ColumnType::Text),
        ("idx", ColumnType::Integer),
        ("call_time", ColumnType::Timestamp),
        ("text", ColumnType::Text),
    ];
    table("call_parts", &["call_id", "idx"], Some("call_id"), "call_time", &columns)
}

pub fn schemas() -> [Arc<TableSchema>; 2] {
    [Arc::new(parents()), Arc::new(children())]
}

impl Call {
    pub fn new(id: &str, time: &str, line: u32) -> Self {
        let fields = Map::from_iter([("title".to_owned(), json!(format!("{id} at {line}")))]);
        let time = (!time.is_empty()).then(|| at(time));
        Self { id: id.to_owned(), time, position: Position::new(1, line), fields, parts: Vec::new() }
    }

    pub fn parts(mut self, parts: &[&str]) -> Self {
        self.parts = parts.iter().map(|&part| part.to_owned()).collect();
        self
    }

    pub fn field(mut self, name: &str, value: Value) -> Self {
        self.fields.insert(name.to_owned(), value);
        self
    }

    /// The row of `calls` as a destination holds it after a load of `spec`.
    pub fn row(&self, spec: &LoadSpec) -> Value {
        let mut row = self.fields.clone();
        row.insert("id".into(), json!(self.id));
        row.insert("time".into(), json!(self.time.map(format_timestamp)));
        self.stamp(row, spec)
    }

    pub fn part_rows(&self, spec: &LoadSpec) -> Vec<Value> {
        let row = |(idx, text): (usize, &String)| {
            let mut row = Map::new();
            row.insert("call_id".into(), json!(self.id));
            row.insert("idx".into(), json!(idx));
            row.insert("call_time".into(), json!(self.time.map(format_timestamp)));
            row.insert("text".into(), json!(text));
            self.stamp(row, spec)
        };
        self.parts.iter().enumerate().map(row).collect()
    }

    fn stamp(&self, mut row: Map<String, Value>, spec: &LoadSpec) -> Value {
        row.insert("_extracted_at".into(), json!("2026-11-20T10:00:00.000000Z"));
        row.insert("_loaded_at".into(), json!(format_timestamp(spec.loaded_at)));
        row.insert("_run_id".into(), json!(spec.run_id.as_str()));
        row.insert("_position".into(), json!(self.position.pack()));
        row.insert("_deleted_at".into(), Value::Null);
        Value::Object(row)
    }
}

impl Script {
    pub fn new(from: Position, calls: Vec<Call>) -> Self {
        let spec = LoadSpec {
            run_id: RunId::new("run-1"),
            fence: 1,
            journal: journal(1),
            from,
            replace: false,
            again: false,
            loaded_at: at("2026-11-20T12:00:00Z"),
            keys: Arc::new(ChangedKeys::new()),
        };
        Self { spec, calls, deleted: Vec::new(), schemas: schemas() }
    }

    pub fn deleting(mut self, id: &str, position: Position) -> Self {
        self.deleted.push((id.to_owned(), position));
        self
    }

    pub fn widened(mut self) -> Self {
        self.schemas[0] = Arc::new(wider_parents());
        self
    }

    pub fn replacing(mut self) -> Self {
        self.spec.replace = true;
        self
    }

    /// The load writes also what the destination has in the same version.
    pub fn again(mut self) -> Self {
        self.spec.again = true;
        self
    }

    pub fn fence(mut self, fence: Fence) -> Self {
        self.spec.fence = fence;
        self
    }

    /// The load reads another journal.
    pub fn of_journal(mut self, number: u8) -> Self {
        self.spec.journal = journal(number);
        self
    }

    /// The spec with the keys of everything that the script writes.
    pub fn announced(&self) -> LoadSpec {
        let ids = self.calls.iter().map(|call| &call.id).chain(self.deleted.iter().map(|(id, _)| id));
        let keys: HashSet<RecordKey> = ids.map(|id| key(id)).collect();
        LoadSpec { keys: Arc::new([(StreamName::CALLS, keys)].into()), ..self.spec.clone() }
    }

    /// Everything in one change set, sorted as the port demands.
    pub fn change(&self) -> ChangeSet {
        let mut calls = self.calls.clone();
        calls.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
        let rows: Vec<Value> = calls.iter().map(|call| call.row(&self.spec)).collect();
        let parts: Vec<Value> = calls.iter().flat_map(|call| call.part_rows(&self.spec)).collect();
        let [parent, child] = &self.schemas;
        let tables = vec![
            TableChange {
                schema: parent.clone(),
                rows: batch(parent, &rows),
                parents: Vec::new(),
                tombstones: self.tombstones(),
            },
            TableChange {
                schema: child.clone(),
                rows: batch(child, &parts),
                parents: calls.iter().map(|call| key(&call.id)).collect(),
                tombstones: self.tombstones(),
            },
        ];
        ChangeSet { tables, records: (self.calls.len() + self.deleted.len()) as u64, ..ChangeSet::default() }
    }

    /// Runs the load on a new handle.
    pub async fn run(&self, to: Position, on: &impl Readback) -> Result<LoadReport, Error> {
        let destination = on.open().await;
        let mut load = destination.begin(self.announced()).await?;
        load.write(self.change()).await?;
        load.commit(to).await
    }

    fn tombstones(&self) -> Vec<Tombstone> {
        let tombstone = |(id, position): &(String, Position)| Tombstone {
            key: key(id),
            deleted_at: at("2026-11-20T11:00:00Z"),
            position: *position,
            run_id: self.spec.run_id.clone(),
        };
        self.deleted.iter().map(tombstone).collect()
    }
}

/// A table by its key columns, with the columns of our own at the end.
pub(crate) fn by_key(rows: Vec<Value>, columns: &[&str]) -> BTreeMap<String, Value> {
    let mut table = BTreeMap::new();
    for row in rows {
        let key: Vec<String> = columns.iter().map(|column| row[*column].to_string()).collect();
        let twice = table.insert(key.join("/"), row);
        assert!(twice.is_none(), "a key is there twice: {twice:?}");
    }
    table
}

/// Removes calls for good, on a new handle.
pub async fn purge(ids: &[&str], fence: Fence, on: &impl Readback) -> Result<u64, Error> {
    let keys: HashSet<RecordKey> = ids.iter().map(|id| key(id)).collect();
    let spec = PurgeSpec {
        run_id: RunId::new("purge-1"),
        fence,
        journal: journal(1),
        at: at("2026-11-21T12:00:00Z"),
        keys: Arc::new([(StreamName::CALLS, keys)].into()),
    };
    on.open().await.purge(spec).await
}

fn key(id: &str) -> RecordKey {
    RecordKey::parse(id).expect("the test's key is a key")
}

fn table(
    name: &'static str,
    key: &[&str],
    parent: Option<&str>,
    time: &str,
    columns: &[(&str, ColumnType)],
) -> TableSchema {
    let own = [
        ("_extracted_at", ColumnType::Timestamp),
        ("_loaded_at", ColumnType::Timestamp),
        ("_run_id", ColumnType::Text),
        ("_position", ColumnType::Integer),
        ("_deleted_at", ColumnType::Timestamp),
    ];
    let column = |(name, kind): &(&str, ColumnType)| Column {
        name: (*name).to_owned(),
        kind: kind.clone(),
        source: if name.starts_with('_') { String::new() } else { (*name).to_owned() },
        declared: true,
    };
    TableSchema {
        table: TableName::of(name),
        stream: StreamName::CALLS,
        key: key.iter().map(|&column| column.to_owned()).collect(),
        parent: parent.map(str::to_owned),
        time: Some(time.to_owned()),
        columns: columns.iter().chain(&own).map(column).collect(),
    }
}
