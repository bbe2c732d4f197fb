//! Dead letters of destinations: kept for as long as the version of the record is loaded that they are about.

use std::collections::HashSet;

use clarion_core::{
    ChangedKeys, Progress, RecordKey, Rejected, RejectedValue, Result, StreamName, Timestamp,
};

use crate::engine::{Stores, Writer};

pub(crate) fn letters(destination: &str, values: &[RejectedValue], at: Timestamp) -> Vec<Rejected> {
    let letter = |value: &RejectedValue| {
        let (stream, key) = (value.stream.clone(), value.key.clone());
        Rejected::new(stream, key, value.reason.clone(), at).by(destination)
    };
    values.iter().map(letter).collect()
}

pub(crate) async fn remember(stores: &Stores, writer: &Writer, letters: &[Rejected]) -> Result<()> {
    if letters.is_empty() {
        return Ok(());
    }
    let progress = Progress { rejected: letters.to_vec(), ..Progress::default() };
    stores.state.commit(writer.fence, progress).await
}

/// After a load of these keys: what was rejected of them before and is not now is over.
pub(crate) async fn settle(
    stores: &Stores,
    writer: &Writer,
    destination: &str,
    (loaded, now): (&ChangedKeys, &[Rejected]),
) -> Result<()> {
    let still: HashSet<_> = now.iter().map(Rejected::id).collect();
    let mut before = stores.state.rejected_by(Some(destination)).await?;
    before.retain(|letter| is_among(loaded, letter) && !still.contains(&letter.id()));
    forget(stores, writer, before).await
}

pub(crate) async fn forget(stores: &Stores, writer: &Writer, accepted: Vec<Rejected>) -> Result<()> {
    if accepted.is_empty() {
        return Ok(());
    }
    stores.state.commit(writer.fence, Progress { accepted, ..Progress::default() }).await
}

pub(crate) fn keys(letters: &[Rejected]) -> ChangedKeys {
    let mut keys = ChangedKeys::new();
    for letter in letters {
        keys.entry(letter.stream.clone()).or_default().insert(letter.key.clone());
    }
    keys
}

pub(crate) fn is_among(keys: &ChangedKeys, letter: &Rejected) -> bool {
    keys.get(&letter.stream).is_some_and(|keys| keys.contains(&letter.key))
}

/// How many records these letters are about.
pub(crate) fn records(letters: &[Rejected]) -> u64 {
    let records: HashSet<(&StreamName, &RecordKey)> =
        letters.iter().map(|letter| (&letter.stream, &letter.key)).collect();
    records.len() as u64
}
