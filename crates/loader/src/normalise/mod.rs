//! Vendor JSON to Arrow: one chunk of journal records to one change set.
//!
//! Pure and synchronous; one pass: a record is read, widens its tables' schemas if it must, becomes rows and is
//! forgotten.
//!
//! In a field that the contract does not declare, empty lists and objects count as null: they tell no type, and a
//! column that comes later could not tell them from null.

mod column;
mod contract;
mod names;
mod observe;
mod people;
mod plan;
mod record;
mod reject;
mod rows;
mod slots;
mod stream;
mod value;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use clarion_core::{
    ChangeSet, ColumnNames, Contract, Item, Normalise, StreamName, TableName, TableSchema, Timestamp,
};

use contract::CONTRACTS;
use stream::StreamTables;

/// The vendor fields that identify the records of a stream.
pub type StreamKeys = BTreeMap<StreamName, Vec<String>>;

/// What becomes of fields that the tables of a stream do not have; `evolve` unless it is told.
pub type StreamContracts = BTreeMap<StreamName, Contract>;

/// Turns journal records into rows; one for each load of one destination.
pub struct Normaliser {
    keys: StreamKeys,
    contracts: StreamContracts,
    names: ColumnNames,
    streams: BTreeMap<StreamName, StreamTables>,
    existing: BTreeMap<TableName, Arc<TableSchema>>,
    /// Microseconds since 1970.
    loaded_at: i64,
}

impl Normaliser {
    /// `schemas` are the tables that the destination has: where they are wider than the contract, they win.
    pub fn new(schemas: &BTreeMap<TableName, Arc<TableSchema>>, loaded_at: Timestamp) -> Self {
        Self::with_keys(schemas, loaded_at, StreamKeys::new())
    }

    /// Says of streams what becomes of fields that their tables do not have.
    pub fn under(self, contracts: StreamContracts) -> Self {
        let loaded_at = Timestamp::from_timestamp_micros(self.loaded_at).unwrap_or_default();
        Self::of(&self.existing, loaded_at, self.keys, contracts, self.names)
    }

    /// Says which columns fields are to have that the destination's tables do not have.
    pub fn called(self, names: ColumnNames) -> Self {
        let loaded_at = Timestamp::from_timestamp_micros(self.loaded_at).unwrap_or_default();
        Self::of(&self.existing, loaded_at, self.keys, self.contracts, names)
    }

    /// `keys` are those of streams that configuration declares; they win over the contract.
    pub fn with_keys(
        schemas: &BTreeMap<TableName, Arc<TableSchema>>,
        loaded_at: Timestamp,
        keys: StreamKeys,
    ) -> Self {
        Self::of(schemas, loaded_at, keys, StreamContracts::new(), ColumnNames::new())
    }

    fn of(
        schemas: &BTreeMap<TableName, Arc<TableSchema>>,
        loaded_at: Timestamp,
        keys: StreamKeys,
        contracts: StreamContracts,
        names: ColumnNames,
    ) -> Self {
        let of_contract = |stream: &StreamName| {
            let key = keys.get(stream).map(Vec::as_slice);
            let allowed = contracts.get(stream).copied().unwrap_or_default();
            (stream.clone(), StreamTables::new(stream, key, allowed, schemas).called(&names))
        };
        Self {
            streams: CONTRACTS.iter().map(|contract| of_contract(&contract.stream)).collect(),
            keys,
            contracts,
            names,
            existing: schemas.clone(),
            loaded_at: loaded_at.timestamp_micros(),
        }
    }

    /// The tables as they are now: the contract's, the destination's, and what the records so far added.
    pub fn schemas(&self) -> BTreeMap<TableName, Arc<TableSchema>> {
        let mut schemas = self.existing.clone();
        for schema in self.streams.values().flat_map(StreamTables::schemas) {
            schemas.insert(schema.table.clone(), Arc::clone(schema));
        }
        schemas
    }

    /// # Behavior
    /// - Each key occurs in `chunk` once; the order does not matter.
    /// - A stream's record comes with all of its child tables, also where they have no rows for it.
    /// - A record that is no JSON object is rejected whole; its tables keep the version they have.
    pub fn normalise(&mut self, chunk: &[Item<'_>]) -> ChangeSet {
        let mut by_stream: BTreeMap<&StreamName, Vec<&Item<'_>>> = BTreeMap::new();
        for item in chunk {
            by_stream.entry(&item.entry.stream).or_default().push(item);
        }
        let mut change = ChangeSet { records: chunk.len() as u64, ..ChangeSet::default() };
        for (stream, items) in by_stream {
            let (existing, key) = (&self.existing, self.keys.get(stream).map(Vec::as_slice));
            let allowed = self.contracts.get(stream).copied().unwrap_or_default();
            let names = &self.names;
            let tables = self
                .streams
                .entry(stream.clone())
                .or_insert_with(|| StreamTables::new(stream, key, allowed, existing).called(names));
            tables.normalise(&items, self.loaded_at, &mut change);
        }
        change
    }
}

impl Normalise for Normaliser {
    fn normalise(&mut self, chunk: &[Item<'_>]) -> ChangeSet {
        Self::normalise(self, chunk)
    }
}
