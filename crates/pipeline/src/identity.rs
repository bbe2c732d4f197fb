//! Journal and state store belong together: one that was exchanged for another is found out before anything is written.

use clarion_core::{Error, JournalId, Kind, Progress, Result};

use crate::engine::{Stores, Writer};
use crate::recover::damaged;

/// Refuses a journal that is not the one of the state store. A store that knows no segment knows nothing of a journal.
pub(crate) async fn check(stores: &Stores) -> Result<()> {
    let segments = stores.state.segments(0).await?;
    let Some(last) = segments.last() else { return Ok(()) };
    let Some(found) = stores.journal.id().await? else {
        return Err(damaged("the journal lacks a segment that the state store knows", last.number));
    };
    match stores.state.journal().await? {
        Some(expected) if expected != found => Err(exchanged(&expected, &found)),
        _ => Ok(()),
    }
}

/// Writes down which journal the state store belongs to, where it does not know yet.
pub(crate) async fn remember(stores: &Stores, writer: &Writer) -> Result<()> {
    let id = of(stores).await?;
    if stores.state.journal().await?.as_ref() == Some(&id) {
        return Ok(());
    }
    let progress = Progress { journal: Some(id), ..Progress::default() };
    stores.state.commit(writer.fence, progress).await
}

/// The id of a journal that was recovered.
pub(crate) async fn of(stores: &Stores) -> Result<JournalId> {
    let id = stores.journal.id().await?;
    id.ok_or_else(|| Error::new(Kind::Corrupt, "the journal does not say which one it is"))
}

fn exchanged(expected: &JournalId, found: &JournalId) -> Error {
    Error::new(Kind::Conflict, "the journal is not the one that the state store belongs to")
        .with("expected", expected)
        .with("found", found)
        .hint(
            "set journal.url back, or restore the journal's folder from a backup; nothing was changed. If this journal \
             is the right one, move the state store away: it is rebuilt from the journal without a request",
        )
}
