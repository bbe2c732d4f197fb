//! Which files hold the keys of a load.
//!
//! Beside each data file stands a key file with the sorted hashes of its record keys. It says where a key may be;
//! the data file itself is then asked, so that two keys with one hash cost a look and never a row.

use std::collections::{HashMap, HashSet};

use arrow::array::Array;
use clarion_core::{RecordKey, Result, TableSchema};
use xxhash_rust::xxh3::xxh3_64;

use super::columns::{positions, ranges, record_column, record_keys};
use super::manifest::{FileEntry, TableEntry, corrupt};
use super::reader::batches;
use super::store::{Store, failed};

/// Where a record's rows are, and the newest position among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// Indices into the table's files.
    pub(super) files: Vec<usize>,
    pub(super) position: i64,
}

pub(super) type Places = HashMap<RecordKey, Place>;

pub(super) fn hash(key: &str) -> u64 {
    xxh3_64(key.as_bytes())
}

/// Finds the announced keys in the table's files.
pub(super) fn locate(
    store: &Store,
    destination: &str,
    table: &TableEntry,
    announced: &HashSet<RecordKey>,
) -> Result<Places> {
    let hashes: HashSet<u64> = announced.iter().map(|key| hash(key.as_str())).collect();
    let mut places = Places::new();
    let names: Vec<String> = table.files.iter().map(|file| file.keys.clone()).collect();
    let found = store.read_all(&names)?;
    for (index, (file, bytes)) in table.files.iter().zip(found).enumerate() {
        let held = hashes_in(bytes, store, destination, file)?;
        if held.iter().any(|hash| hashes.contains(hash)) {
            look_into(store, &table.schema, file, |key, position| {
                if announced.contains(key) {
                    note(&mut places, key, index, position);
                }
            })?;
        }
    }
    Ok(places)
}

fn note(places: &mut Places, key: &RecordKey, file: usize, position: i64) {
    let place = places.entry(key.clone()).or_insert_with(|| Place { files: Vec::new(), position });
    place.position = place.position.max(position);
    if place.files.last() != Some(&file) {
        place.files.push(file);
    }
}

/// Calls `visit` for each run of rows of one record.
fn look_into(
    store: &Store,
    schema: &TableSchema,
    file: &FileEntry,
    mut visit: impl FnMut(&RecordKey, i64),
) -> Result<()> {
    let columns = [record_column(schema)?, "_position"];
    let (opened, shown) = (store.open(&file.path)?, store.shown(&file.path));
    let again = opened.try_clone().map_err(|error| failed("open a file", &shown, error))?;
    for batch in batches(opened, shown, Some(&columns))? {
        let batch = batch?;
        let keys = record_keys(&batch, schema)?;
        let positions = positions(&batch, schema)?;
        for rows in ranges(&keys) {
            let key = RecordKey::parse(keys.value(rows.start))?;
            let newest = rows.filter(|&row| positions.is_valid(row)).map(|row| positions.value(row)).max();
            visit(&key, newest.unwrap_or(i64::MIN));
        }
    }
    store.keep(&file.path, again);
    Ok(())
}

/// The bytes of a key file: the hashes, then their checksum.
pub(super) fn encode(mut hashes: Vec<u64>) -> Vec<u8> {
    hashes.sort_unstable();
    hashes.dedup();
    let mut bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    bytes.extend(xxh3_64(&bytes).to_le_bytes());
    bytes
}

/// The hashes of a data file's record keys.
pub(super) fn read(store: &Store, destination: &str, file: &FileEntry) -> Result<Vec<u64>> {
    let bytes = store.read(&file.keys)?.map(|(bytes, _)| bytes);
    hashes_in(bytes, store, destination, file)
}

fn hashes_in(bytes: Option<Vec<u8>>, store: &Store, destination: &str, file: &FileEntry) -> Result<Vec<u64>> {
    decode(&bytes.unwrap_or_default()).ok_or_else(|| {
        corrupt(destination, "a key file is missing or damaged").with("file", store.shown(&file.keys))
    })
}

fn decode(bytes: &[u8]) -> Option<Vec<u64>> {
    let (words, rest) = bytes.as_chunks::<8>();
    let (checksum, hashes) = words.split_last()?;
    let length = size_of_val(hashes);
    let whole = rest.is_empty() && xxh3_64(&bytes[..length]) == u64::from_le_bytes(*checksum);
    whole.then(|| hashes.iter().map(|word| u64::from_le_bytes(*word)).collect())
}

#[cfg(test)]
mod tests {
    use super::{decode, encode};

    #[test]
    fn a_key_file_comes_back_sorted_and_damage_is_noticed() {
        let mut bytes = encode(vec![3, 1, 3, u64::MAX]);
        assert_eq!(decode(&bytes), Some(vec![1, 3, u64::MAX]));
        assert_eq!(decode(&bytes[..bytes.len() - 8]), None);
        assert_eq!(decode(&[]), None);
        bytes[0] ^= 1;
        assert_eq!(decode(&bytes), None);
        assert_eq!(decode(&encode(Vec::new())), Some(Vec::new()));
    }
}
