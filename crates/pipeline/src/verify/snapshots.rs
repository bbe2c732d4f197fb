//! Streams that are read whole, against the vendor: a page or a few show them all.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use clarion_core::{
    Bindings, Declaration, Error, Kind, Known, PageSink, Purpose, ReadEnd, ReadRequest, RecordKey, Result,
    SourceRecord, content_hash,
};

use super::report::{Check, Finding};
use super::source::AgainstSource;
use crate::declared::read_cursor;

/// Known records read in one step.
const STEP: u32 = 1_000;

impl AgainstSource<'_> {
    /// Of a stream that is not read in every sync nothing says when a record changed: what differs was not synced yet.
    pub(super) async fn compare_snapshots(&self, checks: &mut Vec<Check>) -> Result<()> {
        let cursors = self.engine.stores.state.cursors().await?;
        let mut failed = None;
        for stream in self.engine.stores.declared.iter() {
            let was_read = cursors.contains_key(&read_cursor(&stream.name));
            let is_always = stream.every.as_std().is_zero();
            if stream.enabled && stream.is_whole() && (was_read || is_always) {
                let mut check = Check::of("source", stream.name.as_str());
                let ended = self.compare_snapshot(stream, &mut check).await;
                let ended = ended.or_else(|error| unread(stream, error, &mut check, &mut failed));
                checks.push(check);
                ended?;
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn compare_snapshot(&self, stream: &Declaration, check: &mut Check) -> Result<()> {
        let mut shown = Shown { against: self, stream, as_known: HashSet::new(), other: HashMap::new() };
        let ask = ReadRequest { stream, bindings: &Bindings::default(), purpose: Purpose::Verify };
        if self.engine.source.read(ask, &mut shown).await? != ReadEnd::Complete {
            check.note("not available on this workspace");
            return Ok(());
        }
        let Shown { as_known, mut other, .. } = shown;
        let or_late = |kind| if stream.every.as_std().is_zero() { kind } else { Finding::Waiting };
        let mut after: Option<RecordKey> = None;
        loop {
            let state = &self.engine.stores.state;
            let page = state.scan_known(&stream.name, after.as_ref(), STEP).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for known in page.iter().filter(|known| !known.gone) {
                check.compared += 1;
                let found = other.remove(&known.key);
                if found.is_none() && as_known.contains(&known.key) {
                    continue;
                }
                if let Some((kind, detail)) = self.compare_one(known, found).await? {
                    check.find(or_late(kind), known.key.as_str(), detail);
                }
            }
        }
        for key in other.into_keys() {
            let kind = if self.synced_to.is_none() { Finding::Waiting } else { or_late(Finding::Missing) };
            check.find(kind, key.as_str(), "the vendor lists it");
        }
        Ok(())
    }

    async fn compare_one(
        &self,
        known: &Known,
        found: Option<SourceRecord>,
    ) -> Result<Option<(Finding, String)>> {
        Ok(match found {
            None => Some((Finding::Extra, "the vendor does not list it any more".to_owned())),
            Some(record) if content_hash(&record.data) != known.hash => {
                Some((self.differs(known), self.where_it_differs(known, &record).await?))
            }
            Some(_) => None,
        })
    }
}

/// One stream that cannot be read ends no other's comparison: what the contract promises is an error at the end, what
/// may be absent or is somebody else's is a note.
fn unread(stream: &Declaration, error: Error, check: &mut Check, failed: &mut Option<Error>) -> Result<()> {
    match error.kind() {
        Kind::Remote | Kind::Protocol | Kind::Refused | Kind::Unproven | Kind::NotFound => {}
        _ => return Err(error),
    }
    check.note(format!("could not be read: {}", error.chain()));
    if stream.in_contract {
        failed.get_or_insert(error);
    }
    Ok(())
}

/// What the vendor shows, page by page: of what is as it is known the key, of anything else the record.
struct Shown<'s, 'e> {
    against: &'s AgainstSource<'e>,
    stream: &'s Declaration,
    as_known: HashSet<RecordKey>,
    other: HashMap<RecordKey, SourceRecord>,
}

#[async_trait]
impl PageSink for Shown<'_, '_> {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        let records = records.into_iter().filter_map(|record| self.against.without_purged(record));
        let records: Vec<SourceRecord> = records.filter(|record| !record.key.is_nameless()).collect();
        let keys: Vec<RecordKey> = records.iter().map(|record| record.key.clone()).collect();
        let known = self.against.engine.stores.state.known(&self.stream.name, &keys).await?;
        for record in records {
            // Of a key that comes twice the last record counts, as in a sync.
            let is_known = |known: &Known| !known.gone && known.hash == content_hash(&record.data);
            if known.get(&record.key).is_some_and(is_known) {
                self.other.remove(&record.key);
                self.as_known.insert(record.key);
            } else {
                self.as_known.remove(&record.key);
                self.other.insert(record.key.clone(), record);
            }
        }
        Ok(())
    }
}
