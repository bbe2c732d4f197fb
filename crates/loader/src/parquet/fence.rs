//! The highest fence that has begun a load here: whoever comes with a lower one has lost its lease without knowing.
//!
//! The lake's lock keeps two loads apart where file systems have locks and nobody removes the file. This does where
//! they have not: it is raised at the begin of a load and looked at before every step that readers see. In a shared place
//! the manifest has it, so that raising it is what makes every earlier load's commit fail.

use clarion_core::{Error, Fence, Kind, Result, fault};
use clarion_object_storage::Version;

use super::manifest::Manifest;
use super::store::Store;

const FILE: &str = "_clarion/fence";

/// Raises the fence, or refuses a lower one.
pub(super) fn raise(store: &Store, destination: &str, fence: Fence) -> Result<()> {
    if store.is_shared() {
        return raise_in_manifest(store, destination, fence);
    }
    check(store, destination, fence)?;
    if highest(store)? == fence {
        return Ok(());
    }
    store.replace(FILE, format!("{fence}\n").as_bytes(), &Version::default()).map(drop)
}

fn raise_in_manifest(store: &Store, destination: &str, fence: Fence) -> Result<()> {
    let mut manifest = match Manifest::read(store, destination) {
        // Whether that can be mended is not decided here.
        Err(error) if error.kind() == Kind::Corrupt => return Ok(()),
        manifest => manifest?.unwrap_or_default(),
    };
    refuse_lower(destination, fence, manifest.fence)?;
    if manifest.fence == fence && manifest.version.is_there() {
        return Ok(());
    }
    manifest.fence = fence;
    manifest.save(store)
}

/// Refuses a fence that is lower than one that was raised; a shared place refuses by itself, at the manifest.
pub(super) fn check(store: &Store, destination: &str, fence: Fence) -> Result<()> {
    if store.is_shared() { Ok(()) } else { refuse_lower(destination, fence, highest(store)?) }
}

fn refuse_lower(destination: &str, fence: Fence, highest: Fence) -> Result<()> {
    if fence >= highest || fault::defect("parquet.no_fence") {
        return Ok(());
    }
    Err(Error::new(Kind::Conflict, "a later writer has taken over this destination")
        .with("destination", destination)
        .with("fence", fence)
        .with("highest", highest)
        .hint("this process lost the lease; start it again when the other one has ended"))
}

/// 0 where none was raised, or where the file cannot be read: the manifest has a fence too.
fn highest(store: &Store) -> Result<Fence> {
    let bytes = store.read(FILE)?.map(|(bytes, _)| bytes).unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0))
}
