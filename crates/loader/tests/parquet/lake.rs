//! A lake in a temporary folder, read as outsiders read it: every file under a table's folder, nothing else known.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{SchemaRef, TimestampMicrosecondType};
use async_trait::async_trait;
use clarion_core::testing::destination::Readback;
use clarion_core::testing::rows::rows;
use clarion_core::{Destination, ManualClock};
use clarion_loader::ParquetDestination;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Lake {
    folder: TempDir,
}

impl Lake {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub(super) fn root(&self) -> PathBuf {
        self.folder.path().join("lake")
    }

    pub(super) fn destination(&self) -> ParquetDestination {
        open(&self.root())
    }

    /// A lake of its own with the same files.
    pub(super) fn copy(&self) -> Self {
        let copy = Self::new();
        for (path, bytes) in self.snapshot() {
            let path = copy.root().join(path.strip_prefix(self.root()).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        copy
    }

    /// A table's rows, after checking what holds for every table after a commit.
    pub(super) fn table(&self, name: &str) -> Vec<Value> {
        let mut schemas: Vec<SchemaRef> = Vec::new();
        let mut found = Vec::new();
        for path in data_files(&self.root(), name) {
            let batches = read(&path);
            assert_sorted(&path, &batches);
            for batch in &batches {
                schemas.push(batch.schema());
                found.extend(rows(batch));
            }
        }
        assert!(
            schemas.windows(2).all(|pair| pair[0].fields() == pair[1].fields()),
            "{name} has two schemas"
        );
        found
    }

    /// Every file of the lake with its bytes.
    pub(super) fn snapshot(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.root()).into_iter().map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
    }
}

#[async_trait]
impl Readback for Lake {
    async fn open(&self) -> Box<dyn Destination> {
        Box::new(self.destination())
    }

    async fn rows(&self, table: &str) -> Vec<Value> {
        self.table(table)
    }
}

pub(super) fn open(root: &Path) -> ParquetDestination {
    let now = clarion_core::testing::destination::at("2026-11-20T12:00:00Z");
    ParquetDestination::open("lake", root.to_owned(), Arc::new(ManualClock::at(now))).unwrap()
}

/// The files that a glob over a table finds. Anything else there is a failure.
pub(super) fn data_files(root: &Path, table: &str) -> Vec<PathBuf> {
    let found = files(&root.join(table));
    for path in &found {
        let name = path.file_name().unwrap().to_string_lossy();
        assert!(name.starts_with("data-") && name.ends_with(".parquet"), "{} is no data", path.display());
    }
    found
}

pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { found.push(path) }
        }
    }
    found.sort();
    found
}

pub(super) fn read(path: &Path) -> Vec<RecordBatch> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    builder.build().unwrap().map(Result::unwrap).collect()
}

/// Rows are in order of time, and in the month that the folder says.
fn assert_sorted(path: &Path, batches: &[RecordBatch]) {
    let column =
        |batch: &RecordBatch| batch.column_by_name("call_time").or(batch.column_by_name("time")).cloned();
    // A table without months has no order, whatever its columns are called.
    if !path.to_string_lossy().contains("call_month=") {
        return;
    }
    let mut last = None;
    for times in batches.iter().filter_map(column) {
        let times = times.as_primitive::<TimestampMicrosecondType>().clone();
        for row in 0..times.len() {
            let time = times.is_valid(row).then(|| times.value(row));
            assert!(last <= time, "{} is not in order", path.display());
            let month = time.map_or("unknown".to_owned(), |time| {
                chrono::DateTime::from_timestamp_micros(time).unwrap().format("%Y-%m").to_string()
            });
            assert!(path.to_string_lossy().contains(&format!("call_month={month}")), "{}", path.display());
            last = time;
        }
    }
}
