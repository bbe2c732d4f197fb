//! Records of a declared stream as they come in: compared with what is known, journalled if they are new or changed.

use std::collections::{BTreeMap, HashSet};

use async_trait::async_trait;
use clarion_core::json::{Json, skim};
use clarion_core::{
    Bindings, Event, Fingerprint, Known, PageSink, Purpose, ReadEnd, ReadRequest, RecordKey, Result,
    SourceRecord, StreamName, fault, parse_timestamp,
};

use super::Pass;
use crate::judge::{self, Version};
use crate::listing::reject_nameless;
use crate::record::Arrival;

/// Records held back until they are compared: of a key that comes twice within so many the last record counts, or each
/// sync would write both.
const HELD: usize = 10_000;
/// And no more than so many bytes of them.
const HELD_BYTES: usize = 32 * 1024 * 1024;

/// Takes the pages of one read.
pub(super) struct Intake<'i, 'p> {
    pass: &'i mut Pass<'p>,
    held: BTreeMap<RecordKey, SourceRecord>,
    held_bytes: usize,
    pub(super) seen: HashSet<RecordKey>,
    pub(super) nameless: u64,
    /// The furthest value of the cursor field.
    pub(super) reached: Option<String>,
    /// Whether the moment in which a record was last seen is kept, although it did not change.
    confirms: bool,
}

impl<'i, 'p> Intake<'i, 'p> {
    pub(super) fn new(pass: &'i mut Pass<'p>) -> Self {
        Self {
            pass,
            held: BTreeMap::new(),
            held_bytes: 0,
            seen: HashSet::new(),
            nameless: 0,
            reached: None,
            confirms: false,
        }
    }

    /// Keeps the moment in which each record was seen, for streams whose records come in many reads.
    pub(super) fn confirming(self) -> Self {
        Self { confirms: true, ..self }
    }

    /// Reads what the bindings say, to its end.
    pub(super) async fn read(&mut self, bindings: &Bindings, purpose: Purpose) -> Result<ReadEnd> {
        let source = self.pass.engine.source.clone();
        let ask = ReadRequest { stream: self.pass.stream, bindings, purpose };
        let end = source.read(ask, self).await?;
        self.settle().await?;
        Ok(end)
    }

    /// Takes records that were read without this intake.
    pub(super) async fn take(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        let stream = &self.pass.stream.name;
        let event = Event::Fetched { stream: stream.clone(), records: records.len() as u64 };
        for record in records {
            self.note_reached(&record);
            let Some(record) = self.pass.recorder.without_purged(self.pass.stream, record) else { continue };
            if record.key.is_nameless() {
                self.nameless += 1;
                if self.seen.insert(record.key.clone()) {
                    reject_nameless(self.pass.recorder, self.pass.tally, stream, &record);
                }
                continue;
            }
            self.held_bytes += record.data.len();
            self.held.insert(record.key.clone(), record);
        }
        self.pass.engine.stores.observer.notice(event);
        Ok(())
    }

    /// The records held back, less the calls that nobody asked for: unknown counts as private.
    async fn permitted(&mut self) -> Result<BTreeMap<RecordKey, SourceRecord>> {
        let mut held = std::mem::take(&mut self.held);
        self.held_bytes = 0;
        if !self.pass.stream.of_calls
            || self.pass.engine.include_private
            || fault::defect("pipeline.private_in_lists")
        {
            return Ok(held);
        }
        let ids: Vec<RecordKey> = held.values().filter_map(|record| id(&record.data)).collect();
        let calls = self.pass.recorder.known(&StreamName::CALLS, &ids).await?;
        let is_public = |call: &Known| call.private == Some(false) && !call.gone;
        held.retain(|_, record| id(&record.data).is_some_and(|id| calls.get(&id).is_some_and(is_public)));
        Ok(held)
    }

    /// Journals what is new of the records held back.
    pub(super) async fn settle(&mut self) -> Result<()> {
        let held = self.permitted().await?;
        let keys: Vec<RecordKey> = held.keys().cloned().collect();
        let known = self.pass.recorder.known(&self.pass.stream.name, &keys).await?;
        let at = self.pass.engine.stores.clock.now();
        for (key, record) in held {
            let arrival = Arrival {
                stream: &self.pass.stream.name,
                record: &record,
                private: None,
                at,
                fingerprint: Fingerprint::default(),
                generation: 0,
            };
            let next = arrival.known();
            let version = judge::version(known.get(&key), next.hash, None);
            if self.seen.insert(key.clone()) || version != Version::Same {
                self.pass.tally.count(&self.pass.stream.name, version);
            }
            match known.get(&key).filter(|_| version == Version::Same) {
                None => self.pass.recorder.write(&arrival.entry(), next).await?,
                Some(previous) if previous.absent > 0 || self.confirms => {
                    self.pass.recorder.confirm(Known { absent: 0, checked_at: at, ..previous.clone() });
                }
                Some(_) => {}
            }
        }
        self.pass.recorder.breathe().await
    }

    fn note_reached(&mut self, record: &SourceRecord) {
        let stream = self.pass.stream;
        if !stream.is_incremental() {
            return;
        }
        let Some(value) = cursor_value(&record.data, &stream.cursor) else { return };
        if self.reached.as_ref().is_none_or(|reached| is_further(&value, reached)) {
            self.reached = Some(value);
        }
    }
}

#[async_trait]
impl PageSink for Intake<'_, '_> {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        self.take(records).await?;
        if self.held.len() >= HELD || self.held_bytes >= HELD_BYTES { self.settle().await } else { Ok(()) }
    }
}

/// The call that a record is.
fn id(data: &[u8]) -> Option<RecordKey> {
    RecordKey::parse(cursor_value(data, "id")?).ok()
}

/// The text or the number in a field: a name, or names with dots.
fn cursor_value(data: &[u8], path: &str) -> Option<String> {
    let mut names = path.split('.');
    let [raw] = skim(data, [names.next()?]).ok()?;
    let value = Json::parse(raw?.as_bytes()).ok()?;
    let value = names.try_fold(&value, |value, name| value.get(name))?;
    match value {
        Json::Text(text) if !text.is_empty() => Some(text.clone().into_owned()),
        Json::Number(digits) => Some((*digits).to_owned()),
        _ => None,
    }
}

/// Whether a cursor lies behind another: as times if both are, as numbers if both are, else as text.
pub(super) fn is_further(value: &str, than: &str) -> bool {
    if let (Some(a), Some(b)) = (parse_timestamp(value), parse_timestamp(than)) {
        return a > b;
    }
    if let (Ok(a), Ok(b)) = (value.parse::<i128>(), than.parse::<i128>()) {
        return a > b;
    }
    match (value.parse::<f64>(), than.parse::<f64>()) {
        (Ok(a), Ok(b)) => a > b,
        _ => value > than,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_compared_as_what_they_are() {
        for (further, than) in [
            ("2026-11-02T00:00:00Z", "2026-11-01T23:00:00-00:30"),
            ("10", "9"),
            ("9007199254740993", "9007199254740992"),
            ("10.5", "9"),
            ("b", "a"),
        ] {
            assert!(is_further(further, than) && !is_further(than, further), "{further} {than}");
        }
        assert!(!is_further("a", "a"));
    }

    #[test]
    fn a_cursor_may_lie_within_and_be_a_number() {
        let record = br#"{"meta":{"rev":12},"at":"2026-11-01T00:00:00Z","none":null}"#;
        assert_eq!(cursor_value(record, "meta.rev").as_deref(), Some("12"));
        assert_eq!(cursor_value(record, "at").as_deref(), Some("2026-11-01T00:00:00Z"));
        assert_eq!((cursor_value(record, "none"), cursor_value(record, "meta")), (None, None));
    }
}
