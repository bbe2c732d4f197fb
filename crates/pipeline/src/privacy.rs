//! A change of privacy reaches the details without a request: their last version is journalled again under the new
//! flag, as a new version at a new position.
//!
//! Order matters: it is written before the listed record that shows the change. Whoever is killed in between sees the
//! change again with the next listing.

use std::collections::{BTreeMap, HashMap};

use clarion_core::{Entry, Known, Reason, RecordKey, Result, SegmentNo, StreamName, fault};

use crate::judge;
use crate::recorder::Recorder;
use crate::tally::Tally;

/// Gives these records of `calls` or `call_details` their new flags, where they have others.
pub(crate) async fn pass_on(
    recorder: &mut Recorder,
    tally: &mut Tally,
    stream: &StreamName,
    flags: &[(RecordKey, bool)],
) -> Result<()> {
    let mut by_segment: BTreeMap<SegmentNo, Vec<Known>> = BTreeMap::new();
    for version in last_versions(recorder, stream, flags).await? {
        by_segment.entry(version.position.segment).or_default().push(version);
    }
    for (segment, versions) in by_segment {
        let entries = recorder.stores.journal.read(segment).await?;
        for version in versions {
            let line = usize::try_from(version.position.line).unwrap_or(0);
            match line.checked_sub(2).and_then(|index| entries.get(index)).and_then(Option::as_ref) {
                Some(entry) if entry.key == version.key && entry.stream == version.stream => {
                    let entry = Entry { private: version.private, time: version.time, ..entry.clone() };
                    recorder.write(&entry, version).await?;
                    tally.stream(stream).changed += 1;
                }
                // Not in the journal any more: then it has to be fetched.
                _ => recorder.queue(judge::queue_entry(&version, Reason::Changed, version.checked_at)),
            }
        }
        recorder.breathe().await?;
    }
    Ok(())
}

/// The details' versions whose flag is another, with the new flag.
async fn last_versions(
    recorder: &mut Recorder,
    stream: &StreamName,
    flags: &[(RecordKey, bool)],
) -> Result<Vec<Known>> {
    if flags.is_empty() || fault::defect("pipeline.flag_stays") {
        return Ok(Vec::new());
    }
    let keys: Vec<RecordKey> = flags.iter().map(|(key, _)| key.clone()).collect();
    let mut known = recorder.known(stream, &keys).await?;
    if known.values().any(|version| version.position.segment == SegmentNo::MAX) {
        // Journalled by this run and in no segment yet.
        recorder.flush().await?;
        known = recorder.known(stream, &keys).await?;
    }
    let new: HashMap<&RecordKey, bool> = flags.iter().map(|(key, private)| (key, *private)).collect();
    let changed = known.into_values().filter_map(|version| {
        let private = new.get(&version.key).copied();
        let differs = version.private != private && !version.gone;
        differs.then_some(Known { private, ..version })
    });
    Ok(changed.collect())
}
