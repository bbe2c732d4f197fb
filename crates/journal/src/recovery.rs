//! Taking up what a dead process left open.

use bytes::Bytes;
use clarion_core::{Result, SegmentNo, fault};

use crate::frame;
use crate::salvage::{Salvaged, salvage};
use crate::store::Store;
use crate::writer::{Body, Stamp, publish};

/// Turns the spool that a dead process left into a segment, unless that process had done it.
pub(crate) fn recover_spool(store: &Store, stamp: Stamp) -> Result<()> {
    let Some(spool) = store.get_spool()?.map(Bytes::from) else {
        return Ok(());
    };
    let last = store.last()?;
    let salvaged = if fault::defect("journal.forget_spool") { None } else { salvage(spool) };
    let Some(Salvaged { token, lines, contents, dropped_bytes }) = salvaged else {
        return store.remove_spool();
    };
    if is_made_from(store, last, token) && !fault::defect("journal.recover_twice") {
        return store.remove_spool();
    }
    if store.is_spool_outrun(last) {
        let records = contents.index.len();
        tracing::warn!(
            segment = last,
            records,
            "dropped an open segment: others have gone on since, and fetched it anew"
        );
        return store.remove_spool();
    }
    let records = contents.index.len();
    publish(store, last + 1, stamp, contents, Body { token, lines: &lines })?;
    tracing::info!(segment = last + 1, records, dropped_bytes, "recovered the journal's open segment");
    Ok(())
}

/// Whether segment `number` was made from the spool with this token. One that cannot be read counts as not: the
/// records are then there twice at worst, which is harmless, and none is lost.
fn is_made_from(store: &Store, number: SegmentNo, token: frame::Token) -> bool {
    if number == 0 {
        return false;
    }
    let found = store.get_start(number).and_then(|(_, length)| {
        let start = store.get_prefix(number, (length + frame::MARK_LEN) as u64)?;
        Ok(start.get(length..).and_then(frame::token))
    });
    match found {
        Ok(found) => found == Some(token),
        Err(error) => {
            tracing::warn!(segment = number, error = %error.chain(), "cannot read the journal's last segment");
            false
        }
    }
}
