//! Journal and state store belong together: one that was exchanged for another is found out before anything is written.
//! Both know the journal's id, and which calls were removed for good.

use clarion_core::{Error, JournalId, Kind, Progress, Purged, Result};

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
    if stores.state.journal().await?.as_ref() != Some(&id) {
        let progress = Progress { journal: Some(id), ..Progress::default() };
        stores.state.commit(writer.fence, progress).await?;
    }
    let (journal, state) = (stores.journal.purged().await?, stores.state.purged().await?);
    let Some(mut purged) = journal.clone().or_else(|| state.clone()) else { return Ok(()) };
    if let Some(state) = &state {
        purged.merge(state);
    }
    remember_purged(stores, writer, purged, (journal, state)).await
}

/// Brings journal and state store, in this order, to what is known of purged calls; `before` is what each says now.
pub(crate) async fn remember_purged(
    stores: &Stores,
    writer: &Writer,
    purged: Purged,
    before: (Option<Purged>, Option<Purged>),
) -> Result<()> {
    let (journal, state) = before;
    if journal.as_ref() != Some(&purged) {
        stores.journal.remember_purged(&purged).await?;
    }
    if state.as_ref() != Some(&purged) {
        let progress = Progress { purged: Some(purged), ..Progress::default() };
        stores.state.commit(writer.fence, progress).await?;
    }
    Ok(())
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
