//! Reading the lake as outsiders do: every Parquet file below a table's folder, whoever put it there.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, AsArray, BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use clarion_core::{
    Audit, AuditRow, DestinationState, Deviation, Difference, Error, Kind, Position, RecordKey, Result,
    Retry, TableName, TableSchema,
};
use tokio::task::spawn_blocking;

use super::columns::{column, misshapen, positions, record_column, record_keys};
use super::destination::{describe, panicked};
use super::manifest::Manifest;
use super::reader::{Batches, open as open_file};
use super::recover::recover;
use super::store::Store;
use crate::evolve::conform;

/// A commit is performed in less than the product of these.
const TRIES: u32 = 100;
const PAUSE: Duration = Duration::from_millis(100);
/// Differs with every load.
const NOT_COMPARED: &str = "_loaded_at";

pub(super) struct LakeAudit {
    store: Store,
    destination: Arc<str>,
    manifest: Manifest,
    state: DestinationState,
    damages: BTreeSet<String>,
}

/// Waits for the end of a commit under way; on this machine it finishes one whose process is gone.
pub(super) async fn open(store: Store, destination: Arc<str>) -> Result<LakeAudit> {
    for _ in 0..TRIES {
        let (looked_at, name) = (store.clone(), destination.clone());
        let manifest = spawn_blocking(move || look(&looked_at, &name)).await.map_err(panicked)??;
        if manifest.pending.is_empty() {
            let (looked_at, listed) = (store.clone(), manifest.clone());
            let compared = spawn_blocking(move || compare_files(&looked_at, &listed));
            let damages = compared.await.map_err(panicked)??;
            let state = describe(manifest.clone());
            return Ok(LakeAudit { store, destination, manifest, state, damages });
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(Error::new(Kind::Conflict, "a load of the destination was committed and is not finished")
        .retry(Retry::Temporary)
        .with("destination", &destination)
        .hint("verify again when the load has ended; if none is running, `clarion load` finishes it"))
}

fn look(store: &Store, destination: &str) -> Result<Manifest> {
    if !store.is_begun()? {
        return Ok(Manifest::default());
    }
    // In a shared place only who has the lease finishes a commit.
    let lock = if store.is_shared() { None } else { store.lock()? };
    let manifest =
        if lock.is_some() { recover(store, destination) } else { Manifest::read(store, destination) };
    Ok(manifest?.unwrap_or_default())
}

/// What the folders hold against what the manifest lists.
fn compare_files(store: &Store, manifest: &Manifest) -> Result<BTreeSet<String>> {
    let tables: Vec<&str> = manifest.tables.keys().map(TableName::as_str).collect();
    let found = store.parquet_files(&tables)?;
    let mut damages = BTreeSet::new();
    let mut known = HashSet::new();
    for file in manifest.tables.values().flat_map(|table| &table.files) {
        known.insert(file.path.as_str());
        match found.get(&file.path) {
            None => drop(damages.insert(format!("{}: the file is missing", file.path))),
            Some(bytes) if *bytes != file.bytes => {
                damages.insert(format!("{}: the file is not the one that was written", file.path));
            }
            Some(_) => {}
        }
    }
    for path in found.keys().filter(|path| !known.contains(path.as_str())) {
        damages.insert(format!("{path}: the file is not ours"));
    }
    Ok(damages)
}

#[async_trait]
impl Audit for LakeAudit {
    fn state(&self) -> &DestinationState {
        &self.state
    }

    fn keeps_deleted(&self) -> bool {
        true
    }

    async fn rows(
        &mut self,
        table: &TableName,
        sink: &mut (dyn for<'r> FnMut(AuditRow<'r>) + Send),
    ) -> Result<()> {
        let Some(schema) = self.state.schemas.get(table).cloned() else { return Ok(()) };
        let columns = placing_columns(&schema)?;
        for path in self.files(table).await? {
            let mut file = match self.open(&path, Some(columns.clone())).await? {
                Some(file) => file,
                None => continue,
            };
            while let Some((batch, rest)) = next(file).await? {
                file = rest;
                match batch.and_then(|batch| Places::of(&batch, &schema)) {
                    Ok(places) => places.show(sink),
                    Err(error) => {
                        self.unreadable(&path, &error);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        schema: &TableSchema,
        records: &[RecordKey],
        expected: &RecordBatch,
    ) -> Result<Vec<Difference>> {
        let Some(schema) = self.state.schemas.get(&schema.table).cloned() else { return Ok(Vec::new()) };
        let wanted: HashSet<&str> = records.iter().map(RecordKey::as_str).collect();
        let mut found = vec![RecordBatch::new_empty(schema.arrow())];
        for path in self.files(&schema.table).await? {
            if self.holds(&path, &schema, &wanted).await? {
                self.gather(&path, &schema, &wanted, &mut found).await?;
            }
        }
        let actual = concat_batches(&schema.arrow(), &found).map_err(|error| misshapen(&schema, error))?;
        differences(&schema, &conform(expected, &schema)?, &actual)
    }

    fn damages(&self) -> Vec<String> {
        self.damages.iter().cloned().collect()
    }

    async fn finish(self: Box<Self>) -> Result<()> {
        let (store, name) = (self.store.clone(), self.destination.clone());
        let now = spawn_blocking(move || Manifest::read(&store, &name)).await.map_err(panicked)??;
        let now = now.unwrap_or_default();
        if now == self.manifest { Ok(()) } else { Err(changed(&self.destination)) }
    }
}

impl LakeAudit {
    /// What a glob over a table's folder finds.
    async fn files(&self, table: &TableName) -> Result<Vec<String>> {
        let (store, table) = (self.store.clone(), table.clone());
        let found = spawn_blocking(move || store.parquet_files(&[table.as_str()]));
        Ok(found.await.map_err(panicked)??.into_keys().collect())
    }

    /// A file's batches; `None`, noted, if it cannot be read.
    async fn open(&mut self, path: &str, columns: Option<Vec<String>>) -> Result<Option<Batches>> {
        let (store, name) = (self.store.clone(), path.to_owned());
        let opened = spawn_blocking(move || {
            let names: Option<Vec<&str>> =
                columns.as_ref().map(|columns| columns.iter().map(String::as_str).collect());
            open_file(&store, &name, names.as_deref())
        });
        match opened.await.map_err(panicked)? {
            Ok(file) => Ok(Some(file)),
            Err(error) => {
                self.unreadable(path, &error);
                Ok(None)
            }
        }
    }

    /// Whether rows of these records are in the file.
    async fn holds(&mut self, path: &str, schema: &TableSchema, wanted: &HashSet<&str>) -> Result<bool> {
        let columns = vec![record_column(schema)?.to_owned()];
        let Some(mut file) = self.open(path, Some(columns)).await? else { return Ok(false) };
        while let Some((batch, rest)) = next(file).await? {
            file = rest;
            match batch.and_then(|batch| record_keys(&batch, schema)) {
                Ok(keys) if keys.iter().flatten().any(|key| wanted.contains(key)) => return Ok(true),
                Ok(_) => {}
                Err(error) => {
                    self.unreadable(path, &error);
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    /// Adds the rows of these records in the table's shape.
    async fn gather(
        &mut self,
        path: &str,
        schema: &TableSchema,
        wanted: &HashSet<&str>,
        found: &mut Vec<RecordBatch>,
    ) -> Result<()> {
        let Some(mut file) = self.open(path, None).await? else { return Ok(()) };
        while let Some((batch, rest)) = next(file).await? {
            file = rest;
            match batch.and_then(|batch| conform(&chosen(&batch, schema, wanted)?, schema)) {
                Ok(rows) => found.push(rows),
                Err(error) => {
                    self.unreadable(path, &error);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn unreadable(&mut self, path: &str, error: &Error) {
        self.damages.insert(format!("{path}: {}", error.chain()));
    }
}

/// The next batch, and the file to go on with.
async fn next(mut file: Batches) -> Result<Option<(Result<RecordBatch>, Batches)>> {
    let read = spawn_blocking(move || file.next().map(|batch| (batch, file)));
    read.await.map_err(panicked)
}

/// The rows of these records.
fn chosen(batch: &RecordBatch, schema: &TableSchema, wanted: &HashSet<&str>) -> Result<RecordBatch> {
    let keys = record_keys(batch, schema)?;
    let keep: BooleanArray =
        keys.iter().map(|key| Some(key.is_some_and(|key| wanted.contains(key)))).collect();
    filter_record_batch(batch, &keep).map_err(|error| misshapen(schema, error))
}

fn index_columns(schema: &TableSchema) -> Result<Vec<&str>> {
    let record = record_column(schema)?;
    Ok(schema.key.iter().map(String::as_str).filter(|column| *column != record).collect())
}

fn placing_columns(schema: &TableSchema) -> Result<Vec<String>> {
    let mut columns = vec![record_column(schema)?, "_position", "_deleted_at"];
    columns.extend(index_columns(schema)?);
    Ok(columns.into_iter().map(str::to_owned).collect())
}

/// What places the rows of a batch.
struct Places {
    records: arrow::array::StringArray,
    indexes: Vec<Int64Array>,
    positions: Int64Array,
    deleted: BooleanArray,
}

impl Places {
    fn of(batch: &RecordBatch, schema: &TableSchema) -> Result<Self> {
        let deleted = column(batch, schema, "_deleted_at")?;
        let deleted = arrow::compute::is_not_null(deleted).map_err(|error| misshapen(schema, error))?;
        let records = record_keys(batch, schema)?;
        Ok(Self { records, indexes: indexes(batch, schema)?, positions: positions(batch, schema)?, deleted })
    }

    fn show(&self, sink: &mut (dyn for<'r> FnMut(AuditRow<'r>) + Send)) {
        let mut index = vec![0; self.indexes.len()];
        for row in 0..self.records.len() {
            for (value, column) in index.iter_mut().zip(&self.indexes) {
                *value = if column.is_valid(row) { column.value(row) } else { -1 };
            }
            let record = if self.records.is_valid(row) { self.records.value(row) } else { "" };
            let packed = self.positions.is_valid(row).then(|| self.positions.value(row));
            let position = packed.filter(|packed| *packed >= 0).map(Position::unpack);
            sink(AuditRow { record, index: &index, position, deleted: self.deleted.value(row) });
        }
    }
}

fn indexes(batch: &RecordBatch, schema: &TableSchema) -> Result<Vec<Int64Array>> {
    let integers = |name: &&str| {
        let column = column(batch, schema, name)?.as_primitive_opt::<Int64Type>().cloned();
        column.ok_or_else(|| misshapen(schema, format!("{name} is not an integer")))
    };
    index_columns(schema)?.iter().map(integers).collect()
}

type RowKey = (String, Vec<i64>);

/// Where the rows of each key are.
fn by_key(batch: &RecordBatch, schema: &TableSchema) -> Result<HashMap<RowKey, Vec<usize>>> {
    let (keys, indexes) = (record_keys(batch, schema)?, indexes(batch, schema)?);
    let mut rows: HashMap<RowKey, Vec<usize>> = HashMap::new();
    for row in 0..batch.num_rows() {
        let index = indexes.iter().map(|column| column.value(row)).collect();
        rows.entry((keys.value(row).to_owned(), index)).or_default().push(row);
    }
    Ok(rows)
}

/// Two batches of one shape, row by row.
fn differences(
    schema: &TableSchema,
    expected: &RecordBatch,
    actual: &RecordBatch,
) -> Result<Vec<Difference>> {
    let (wanted, mut found) = (by_key(expected, schema)?, by_key(actual, schema)?);
    let mut differences = Vec::new();
    let mut note = |(record, index): &RowKey, what: Deviation| -> Result<()> {
        let record = RecordKey::parse(record.as_str())?;
        differences.push(Difference { record, index: index.clone(), what });
        Ok(())
    };
    for (key, rows) in &wanted {
        let others = found.remove(key).unwrap_or_default();
        let Some(other) = others.first() else {
            note(key, Deviation::Missing)?;
            continue;
        };
        for _ in &others[1..] {
            note(key, Deviation::Extra)?;
        }
        let columns = differing(expected, rows[0], actual, *other);
        if !columns.is_empty() {
            note(key, Deviation::Columns(columns))?;
        }
    }
    for (key, rows) in &found {
        for _ in rows {
            note(key, Deviation::Extra)?;
        }
    }
    differences.sort_by(|a, b| (&a.record, &a.index).cmp(&(&b.record, &b.index)));
    Ok(differences)
}

fn differing(expected: &RecordBatch, row: usize, actual: &RecordBatch, other: usize) -> Vec<String> {
    let schema = expected.schema();
    let names = schema.fields().iter().map(|field| field.name());
    let columns = names.zip(expected.columns().iter().zip(actual.columns()));
    let differs = columns.filter(|(name, (wanted, found))| {
        *name != NOT_COMPARED && wanted.slice(row, 1).to_data() != found.slice(other, 1).to_data()
    });
    differs.map(|(name, _)| name.clone()).collect()
}

fn changed(destination: &str) -> Error {
    Error::new(Kind::Conflict, "a load changed the destination while it was read")
        .retry(Retry::Temporary)
        .with("destination", destination)
        .hint("verify again when the load has ended")
}
