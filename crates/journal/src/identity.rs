//! Which journal this is, in a small file beside the segments and in every header; and what was purged from it.

use clarion_core::{Error, JournalId, Kind, Purged, Result, SegmentHeader, SegmentNo};
use clarion_object_storage::Version;
use serde::{Deserialize, Serialize};

use crate::store::Store;
use crate::{failure, segment};

/// The file `journal.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) id: JournalId,
    /// `None` where the file was lost and only the id could be found again.
    #[serde(default)]
    pub(crate) purged: Option<Purged>,
}

/// What the folder says; a lost file is made good from the last segment. `None` for a journal that is not begun.
pub(crate) fn read(store: &Store) -> Result<Option<Identity>> {
    Ok(look(store)?.0)
}

/// The same for whoever holds the lease, who also begins a journal.
pub(crate) fn begin(store: &Store) -> Result<Identity> {
    let (found, was) = look(store)?;
    if let Some(identity) = found.as_ref().filter(|identity| identity.purged.is_some()) {
        return Ok(identity.clone());
    }
    let id = found.map_or_else(|| random(store).map(JournalId::from_random), |identity| Ok(identity.id))?;
    let identity = Identity { id, purged: Some(Purged::with_key(random(store)?)) };
    write(store, &identity, &was)?;
    Ok(identity)
}

/// Remembers what was purged, in place of what was remembered before.
pub(crate) fn remember(store: &Store, purged: Purged) -> Result<()> {
    begin(store)?;
    let (found, was) = look(store)?;
    let Some(Identity { id, .. }) = found else { return Err(lost(store)) };
    write(store, &Identity { id, purged: Some(purged) }, &was)
}

/// Refuses a segment that is whole, but of another journal.
pub(crate) fn check(store: &Store, number: SegmentNo, header: &SegmentHeader) -> Result<()> {
    let Some(named) = &header.journal else { return Ok(()) };
    match store.id(|| Ok(read(store)?.map(|identity| identity.id)))? {
        Some(own) if own != *named => {
            Err(failure::corrupt(&store.segment(number), "a journal segment belongs to another journal"))
        }
        _ => Ok(()),
    }
}

fn look(store: &Store) -> Result<(Option<Identity>, Version)> {
    let Some(found) = store.get_identity()? else {
        let id = from_last_segment(store)?;
        return Ok((id.map(|id| Identity { id, purged: None }), Version::default()));
    };
    let identity = serde_json::from_slice(&found.bytes).map_err(|error| {
        Error::new(Kind::Corrupt, "the file that names the journal cannot be read")
            .with("path", store.identity())
            .hint("restore it from a backup, or remove it: the segments name their journal too")
            .source(error)
    })?;
    Ok((Some(identity), found.version))
}

fn write(store: &Store, identity: &Identity, was: &Version) -> Result<()> {
    let mut text = serde_json::to_vec(identity).expect("plain fields are JSON");
    text.push(b'\n');
    store.put_identity(&text, was)
}

fn from_last_segment(store: &Store) -> Result<Option<JournalId>> {
    let last = store.last()?;
    if last == 0 {
        return Ok(None);
    }
    let (start, length) = store.get_start(last)?;
    Ok(segment::read_header(&store.segment(last), last, &start[..length])?.journal)
}

fn lost(store: &Store) -> Error {
    Error::new(Kind::Conflict, "the file that names the journal was removed meanwhile")
        .with("path", store.identity())
        .hint("run the command again")
}

fn random<const N: usize>(store: &Store) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| {
        let error = std::io::Error::other(error.to_string());
        failure::storage(store.identity(), "the system has no random numbers", error)
    })?;
    Ok(bytes)
}
