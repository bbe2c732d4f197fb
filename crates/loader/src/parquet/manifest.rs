//! The manifest: what the lake holds, and what a commit has still to do.

use std::collections::BTreeMap;

use clarion_core::{Error, Fence, JournalId, Kind, Position, Result, TableName, TableSchema};
use clarion_object_storage::Version;
use serde::{Deserialize, Serialize};

use super::store::{MANIFEST, Store};

/// Raised when an older version could not read what a newer one writes.
const FORMAT: u32 = 1;

/// Written as a whole, in one atomic replacement. Once it is durable with operations pending, the load it belongs
/// to is committed, and whoever opens the lake next performs what is left of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format: u32,
    pub(super) position: Position,
    /// The journal that the position is one in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) journal: Option<JournalId>,
    pub(super) fence: Fence,
    /// The number of the next key file.
    pub(super) next_keys: u64,
    pub(super) tables: BTreeMap<TableName, TableEntry>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) pending: Vec<Operation>,
    /// As which it was read or saved last.
    #[serde(skip)]
    pub(super) version: Version,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TableEntry {
    pub(super) schema: TableSchema,
    pub(super) files: Vec<FileEntry>,
}

/// A data file as it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileEntry {
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Microseconds since 1970; `None` where the first row has no time.
    pub(super) min_time: Option<i64>,
    pub(super) max_time: Option<i64>,
    /// The file with the hashes of its record keys.
    pub(super) keys: String,
}

/// A change of the files that readers see; doing it twice is doing it once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Operation {
    Remove {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    /// The folders of these files become durable before anything that follows.
    Sync {
        paths: Vec<String>,
    },
}

impl Manifest {
    /// `None` if there is none: a lake never loaded, or wiped.
    pub(super) fn read(store: &Store, destination: &str) -> Result<Option<Self>> {
        let Some((bytes, version)) = store.read(MANIFEST)? else {
            return Ok(None);
        };
        let parsed = serde_json::from_slice::<Self>(&bytes);
        let path = store.shown(MANIFEST);
        let manifest = parsed.map_err(|error| {
            corrupt(destination, "the manifest cannot be read").with("file", &path).source(error)
        })?;
        if manifest.format > FORMAT {
            let error = Error::new(Kind::Config, "a newer version wrote this lake").with("file", path);
            return Err(error.hint("use that version, or another folder"));
        }
        Ok(Some(Self { version, ..manifest }))
    }

    /// What is left of one that a rebuild does not need: whatever can be read, and its version.
    pub(super) fn salvage(store: &Store, destination: &str) -> Self {
        Self::read(store, destination).ok().flatten().unwrap_or_else(|| {
            let version = store.read(MANIFEST).ok().flatten().map(|(_, version)| version);
            Self { version: version.unwrap_or_default(), ..Self::default() }
        })
    }

    /// In the place of what was read; `Conflict` if somebody else has saved one since, where the place can tell.
    pub(super) fn save(&mut self, store: &Store) -> Result<()> {
        let bytes = serde_json::to_vec(self).expect("a manifest is plain data");
        self.version = store.replace(MANIFEST, &bytes, &self.version)?;
        Ok(())
    }
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            format: FORMAT,
            position: Position::START,
            journal: None,
            fence: 0,
            next_keys: 1,
            tables: BTreeMap::new(),
            pending: Vec::new(),
            version: Version::default(),
        }
    }
}

impl FileEntry {
    /// The partition, or the table where it has none.
    pub(super) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The n of `data-<n>.parquet`.
    pub(super) fn number(&self) -> u64 {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.trim_start_matches("data-").trim_end_matches(".parquet").parse().unwrap_or_default()
    }
}

/// The files are not those that the manifest lists, and only a rebuild makes them so.
pub(super) fn corrupt(destination: &str, message: &str) -> Error {
    Error::new(Kind::Corrupt, message).with("destination", destination).hint(format!(
        "rebuild it with `clarion replay --destination {destination}`; it costs no API request"
    ))
}
