//! Streams that are read whole each time: `users`.

use std::collections::BTreeMap;

use clarion_core::{Event, Fingerprint, Purpose, RecordKey, Result, SourceRecord, StreamName};

use crate::engine::Engine;
use crate::judge::{self, Version};
use crate::listing::{Phase, reject_nameless};
use crate::record::Arrival;
use crate::recorder::Recorder;
use crate::tally::Tally;

/// Reads all records of a stream and journals those that are new or changed.
pub(crate) async fn sync_snapshot(
    engine: &Engine,
    recorder: &mut Recorder,
    tally: &mut Tally,
    stream: &StreamName,
) -> Result<()> {
    let _phase = Phase::begin(engine.stores.observer.as_ref(), stream.clone(), None);
    let records = engine.source.snapshot(stream, Purpose::Forward).await?;
    let fetched = records.len() as u64;
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
    for record in last.into_values() {
        let fingerprint = Fingerprint::default();
        let arrival = Arrival { stream, record, private: None, at, fingerprint, generation: 0 };
        let next = arrival.known();
        let version = judge::version(known.get(&record.key), next.hash, None);
        tally.count(stream, version);
        if version != Version::Same {
            recorder.write(&arrival.entry(), next).await?;
        }
    }
    engine.stores.observer.notice(Event::Fetched { stream: stream.clone(), records: fetched });
    recorder.flush().await
}
