//! Looks for texts in everything that the product leaves behind.

use std::fs;
use std::path::Path;

use xxhash_rust::xxh3::xxh3_64;

use super::tables::parquet_rows;
use super::{Workspace, files};

/// Every place below the workspace's folder and in its database that holds one of the texts, as it is or compressed.
pub(crate) async fn found(workspace: &Workspace, texts: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for path in files(workspace.path()) {
        let stored = fs::read(&path).unwrap();
        let shown = path.display();
        // The lake's key files hold hashes of keys.
        let hash = xxh3_64(texts[0].as_bytes()).to_le_bytes();
        if has_extension(&path, "keys") && stored.as_chunks::<8>().0.contains(&hash) {
            places.push(format!("{shown}: the id's hash"));
        }
        let plain = plain(&path, &stored);
        for bytes in [stored, plain] {
            places.extend(matches(&bytes, texts).map(|text| format!("{shown}: {text}")));
        }
    }
    if let Some(database) = workspace.warehouse() {
        for table in database.tables().await {
            let rows = database.rows(&format!("SELECT * FROM clari.\"{table}\"")).await;
            let text = serde_json::to_string(&rows).unwrap();
            places.extend(matches(text.as_bytes(), texts).map(|text| format!("warehouse, {table}: {text}")));
        }
    }
    places
}

/// The texts that are in these bytes.
pub(crate) fn matches<'t>(bytes: &[u8], texts: &[&'t str]) -> impl Iterator<Item = &'t str> {
    let holds = |text: &&&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    texts.iter().filter(holds).copied().collect::<Vec<_>>().into_iter()
}

/// What is compressed in a file, segments and pages of Parquet; nothing of a file that a crash left half.
fn plain(path: &Path, stored: &[u8]) -> Vec<u8> {
    if has_extension(path, "zst") {
        return zstd::decode_all(stored).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    let is_whole = stored.starts_with(b"PAR1") && stored.ends_with(b"PAR1");
    if is_whole { serde_json::to_vec(&parquet_rows(path)).unwrap() } else { Vec::new() }
}

fn has_extension(path: &Path, kind: &str) -> bool {
    path.extension().is_some_and(|extension| extension == kind)
}
