//! The highest fence that has begun a load here: whoever comes with a lower one has lost its lease without knowing.
//!
//! The lake's lock keeps two loads apart where file systems have locks and nobody removes the file. This does where
//! they have not: it is raised at the begin of a load and looked at before every step that readers see.

use clarion_core::{Error, Fence, Kind, Result, fault};

use super::store::Store;

const FILE: &str = "_clarion/fence";

/// Raises the fence, or refuses a lower one.
pub(super) fn raise(store: &Store, destination: &str, fence: Fence) -> Result<()> {
    check(store, destination, fence)?;
    if highest(store)? == fence { Ok(()) } else { store.replace(FILE, format!("{fence}\n").as_bytes()) }
}

/// Refuses a fence that is lower than one that was raised.
pub(super) fn check(store: &Store, destination: &str, fence: Fence) -> Result<()> {
    let highest = highest(store)?;
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
    let bytes = store.read(FILE)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).trim().parse().unwrap_or(0))
}
