//! Streams that are read whole each time: `users`.

use std::collections::BTreeMap;

use clarion_core::{
    Bindings, Collected, Error, Event, Fingerprint, Kind, Known, Purpose, ReadEnd, ReadRequest, RecordKey,
    Result, SourceRecord, StreamName, fault,
};

use crate::engine::Engine;
use crate::judge::{self, Version};
use crate::listing::{Phase, reject_nameless};
use crate::record::Arrival;
use crate::recorder::Recorder;
use crate::tally::Tally;
use crate::tombstones::{self, Guard};

/// Known records compared with a snapshot in one step.
const STEP: u32 = 1_000;
/// Complete snapshots in a row without a record: one may be a slip of the vendor's.
const CONFIRMED: u32 = 2;

/// Reads all records of a stream and journals those that are new or changed.
pub(crate) async fn sync_snapshot(
    engine: &Engine,
    recorder: &mut Recorder,
    tally: &mut Tally,
    stream: &StreamName,
    accept_deletes: bool,
) -> Result<()> {
    let _phase = Phase::begin(engine.stores.observer.as_ref(), stream.clone(), None);
    let records = read_whole(engine, stream, Purpose::Forward).await?;
    let fetched = records.len() as u64;
    let records: Vec<_> = records.into_iter().filter(|record| !recorder.is_about_purged(record)).collect();
    let (nameless, records): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record.key.is_nameless());
    for record in &nameless {
        reject_nameless(recorder, tally, stream, record);
    }
    // Of a key that came twice the last record counts, or each sync would write both.
    let last: BTreeMap<&RecordKey, &SourceRecord> =
        records.iter().map(|record| (&record.key, record)).collect();
    let at = engine.stores.clock.now();
    let keys: Vec<RecordKey> = records.iter().map(|record| record.key.clone()).collect();
    let known = recorder.known(stream, &keys).await?;
    for record in last.values() {
        let fingerprint = Fingerprint::default();
        let arrival = Arrival { stream, record, private: None, at, fingerprint, generation: 0 };
        let next = arrival.known();
        let version = judge::version(known.get(&record.key), next.hash, None);
        tally.count(stream, version);
        match known.get(&record.key).filter(|_| version == Version::Same) {
            None => recorder.write(&arrival.entry(), next).await?,
            Some(previous) if previous.absent > 0 => {
                recorder.confirm(Known { absent: 0, ..previous.clone() });
            }
            Some(_) => {}
        }
    }
    engine.stores.observer.notice(Event::Fetched { stream: stream.clone(), records: fetched });
    // What came without an id may be any of those that seem absent.
    if nameless.is_empty() {
        let guard = Guard::of(&engine.stores, stream.clone(), accept_deletes).await?;
        Absences { recorder, tally, guard }.note(stream, &last).await?;
    }
    recorder.flush().await
}

/// Every record of a stream that is read whole.
pub(crate) async fn read_whole(
    engine: &Engine,
    stream: &StreamName,
    purpose: Purpose,
) -> Result<Vec<SourceRecord>> {
    let declaration = engine
        .streams
        .declaration(stream)
        .ok_or_else(|| Error::new(Kind::Config, "there is no such stream").with("stream", stream))?;
    let mut all = Collected::default();
    let ask = ReadRequest { stream: declaration, bindings: &Bindings::default(), purpose };
    match engine.source.read(ask, &mut all).await? {
        ReadEnd::Complete => Ok(all.0),
        ReadEnd::Missing | ReadEnd::Unavailable { .. } => {
            Err(Error::new(Kind::Remote, "the endpoint is not available on this workspace")
                .with("stream", stream))
        }
    }
}

/// Compares what is known with a complete snapshot.
struct Absences<'r> {
    recorder: &'r mut Recorder,
    tally: &'r mut Tally,
    guard: Guard,
}

impl Absences<'_> {
    /// Counts for each known record the snapshots in a row that did not show it; after the second one it is gone.
    async fn note(mut self, stream: &StreamName, shown: &BTreeMap<&RecordKey, &SourceRecord>) -> Result<()> {
        let state = self.recorder.stores.state.clone();
        let mut after = None;
        loop {
            let page = state.scan_known(stream, after.as_ref(), STEP).await?;
            let Some(last) = page.last() else {
                self.guard.report(self.tally);
                return Ok(());
            };
            after = Some(last.key.clone());
            for version in page.into_iter().filter(|known| !known.gone && !shown.contains_key(&known.key)) {
                self.miss(version).await?;
            }
        }
    }

    async fn miss(&mut self, version: Known) -> Result<()> {
        let absent = (version.absent + 1).min(CONFIRMED);
        let is_gone = absent == CONFIRMED || fault::defect("pipeline.one_snapshot_is_proof");
        if is_gone && self.guard.take() {
            return tombstones::bury(self.recorder, self.tally, &version).await;
        }
        if absent != version.absent {
            self.recorder.confirm(Known { absent, ..version });
        }
        Ok(())
    }
}
