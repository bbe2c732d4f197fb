//! Start-up: whatever a killed run left behind becomes part of journal and state, without a request.
//!
//! The same code rebuilds a lost state store: then every segment is one that it does not know.

use std::collections::HashMap;

use clarion_core::json::{Json, skim};
use clarion_core::{
    Entry, Error, Fingerprint, Kind, Known, Op, Reason, RecordKey, Result, Rules, SegmentInfo, SegmentNo,
    SourceRecord, StreamName, has_content, parse_timestamp,
};

use crate::engine::{Stores, Writer};
use crate::identity;
use crate::judge;
use crate::record::Arrival;
use crate::recorder::{Recorder, stored_checkpoint};
use crate::rewrites;

/// Closes the open segment of a dead process and adopts every segment that the state store does not know.
pub(crate) async fn recover(stores: &Stores, writer: &Writer) -> Result<u64> {
    identity::check(stores).await?;
    stores.journal.claim(writer.fence).await?;
    stores.journal.recover(&writer.run, stored_checkpoint(stores).await?).await?;
    identity::remember(stores, writer).await?;
    let last = last_known(stores, writer).await?;
    let mut recorder = Recorder::open(stores, writer).await?;
    let mut adopted = 0;
    for segment in stores.journal.segments(last).await? {
        tracing::info!(segment = segment.number, records = segment.records, "adopting a segment");
        adopt(stores, &mut recorder, segment).await?;
        adopted += 1;
    }
    Ok(adopted)
}

/// The last segment up to which the state store knows all, and its very last one must be in the journal unchanged.
async fn last_known(stores: &Stores, writer: &Writer) -> Result<SegmentNo> {
    let known = stores.state.segments(0).await?;
    let Some(last) = known.last() else {
        return Ok(0);
    };
    let found = stores.journal.segments(last.number - 1).await?.into_iter().next();
    match found {
        Some(found) if found.number == last.number => {
            let altered = found.checksum != last.checksum;
            if altered && !rewrites::is_own(stores, last).await? {
                return Err(damaged("a journal segment was altered", last.number));
            }
            if altered || stores.state.is_rewriting().await? {
                rewrites::finish(stores, writer, &known).await?;
            }
            Ok(complete_up_to(&known))
        }
        _ => Err(damaged("the journal lacks a segment that the state store knows", last.number)),
    }
}

/// Should a writer ever have gone on behind a segment that it did not know, adopting begins there.
fn complete_up_to(known: &[SegmentInfo]) -> SegmentNo {
    known.iter().zip(1..).take_while(|(segment, expected)| segment.number == *expected).count() as SegmentNo
}

pub(crate) fn damaged(what: &str, segment: SegmentNo) -> Error {
    Error::new(Kind::Corrupt, what).with("segment", format!("{segment:012}")).hint(
        "restore the journal's folder from a backup; nothing was changed. If the journal is lost for good, move the \
         rest of it and the state store away as well: the next sync fetches everything anew; then rebuild each \
         destination with `clarion replay`",
    )
}

async fn adopt(stores: &Stores, recorder: &mut Recorder, segment: SegmentInfo) -> Result<()> {
    let header = stores.journal.header(segment.number).await?;
    let entries = stores.journal.read(segment.number).await?;
    let known = previous_versions(recorder, &entries).await?;
    let mut latest: HashMap<(StreamName, RecordKey), Known> = known;
    for entry in &entries {
        match entry {
            Some(entry) => adopt_entry(recorder, &mut latest, entry, header.checkpoint.generation),
            None => recorder.skip_line(),
        }
    }
    recorder.adopt(segment, header.checkpoint).await
}

async fn previous_versions(
    recorder: &Recorder,
    entries: &[Option<Entry>],
) -> Result<HashMap<(StreamName, RecordKey), Known>> {
    let mut keys: HashMap<StreamName, Vec<RecordKey>> = HashMap::new();
    for entry in entries.iter().flatten() {
        keys.entry(entry.stream.clone()).or_default().push(entry.key.clone());
        // The deletion of a call ends with the call itself, which may not have come to it.
        if entry.op == Op::Delete && entry.stream == StreamName::CALL_DETAILS {
            keys.entry(StreamName::CALLS).or_default().push(entry.key.clone());
        }
    }
    let mut known = HashMap::new();
    for (stream, keys) in keys {
        for (key, found) in recorder.known(&stream, &keys).await? {
            known.insert((stream.clone(), key), found);
        }
    }
    Ok(known)
}

fn adopt_entry(
    recorder: &mut Recorder,
    latest: &mut HashMap<(StreamName, RecordKey), Known>,
    entry: &Entry,
    generation: u32,
) {
    recorder.note_leads(entry);
    recorder.note_answer(entry);
    if entry.op == Op::Delete {
        return adopt_deletion(recorder, latest, entry);
    }
    let id = (entry.stream.clone(), entry.key.clone());
    let previous = latest.get(&id);
    let record = source_record(&recorder.stores.rules, entry);
    let json = Json::parse(&record.data).unwrap_or(Json::Null);
    let is_call = entry.stream == StreamName::CALLS;
    let fingerprint = if is_call { recorder.prints.take(&json) } else { Fingerprint::default() };
    let arrival = Arrival {
        stream: &entry.stream,
        record: &record,
        private: entry.private,
        at: entry.observed_at,
        fingerprint,
        generation,
    };
    let known = arrival.known();
    if is_call {
        let first = if recorder.has_history() { Reason::Ready } else { Reason::Backfill };
        let previous = recorder.comparable(previous);
        if let Some(due) = judge::after_listing(previous.as_deref(), &known, &recorder.prints, &json, first) {
            recorder.queue(due);
        }
    }
    // The same content under another flag was not fetched: whatever is due for the call stays due.
    let fetched = previous.is_none_or(|previous| previous.hash != known.hash || previous.gone);
    if entry.stream == StreamName::CALL_DETAILS && fetched {
        recorder.done(&entry.stream, &entry.key);
        // How often it was looked at before is not in the journal: the pauses begin anew.
        if let Some(again) = judge::after_details(&record, 0, entry.observed_at) {
            recorder.queue(again);
        }
    }
    latest.insert(id, known.clone());
    recorder.note_line(known);
}

/// A call is deleted in two steps, its details first. Between them it stays a suspect.
fn adopt_deletion(
    recorder: &mut Recorder,
    latest: &mut HashMap<(StreamName, RecordKey), Known>,
    entry: &Entry,
) {
    if entry.stream == StreamName::CALLS {
        recorder.done(&StreamName::CALL_DETAILS, &entry.key);
    } else if let Some(call) = latest.get(&(StreamName::CALLS, entry.key.clone())).filter(|call| !call.gone) {
        recorder.queue(judge::queue_entry(call, Reason::Missing, entry.observed_at));
    }
    let id = (entry.stream.clone(), entry.key.clone());
    let previous = latest.get(&id).cloned().unwrap_or_else(|| {
        let record = source_record(&recorder.stores.rules, entry);
        Arrival {
            stream: &entry.stream,
            record: &record,
            private: None,
            at: entry.observed_at,
            fingerprint: Fingerprint::default(),
            generation: 0,
        }
        .known()
    });
    let known = Known { gone: true, absent: 0, checked_at: entry.observed_at, ..previous };
    latest.insert(id, known.clone());
    recorder.note_line(known);
}

/// What the record was when it came in, read from its own fields.
fn source_record(rules: &Rules, entry: &Entry) -> SourceRecord {
    let names = ["time", "last_modified_time", "status", "transcript", "summary"];
    let [time, modified, status, transcript, summary] = skim(&entry.data, names).unwrap_or_default();
    let text = |raw: Option<&str>| Json::parse(raw?.as_bytes()).ok()?.as_str().map(str::to_owned);
    let at = |raw| parse_timestamp(&text(raw)?);
    // What a column rule took out says nothing of the call: it was there, or the call would be asked for in vain.
    let shown = |name, raw, there| if rules.hides(&entry.stream, name) { Some(there) } else { raw };
    SourceRecord {
        key: entry.key.clone(),
        time: at(time),
        modified: at(modified),
        status: text(status),
        has_content: has_content(shown("transcript", transcript, "[{}]"), shown("summary", summary, "{}")),
        data: entry.data.clone(),
    }
}
