//! Streams that are read whole, against the vendor: a page or a few show them all.

use std::collections::HashMap;

use clarion_core::{
    Bindings, Collected, Declaration, Known, Purpose, ReadEnd, ReadRequest, RecordKey, Result, SourceRecord,
    content_hash,
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
        for stream in self.engine.stores.declared.iter() {
            let was_read = cursors.contains_key(&read_cursor(&stream.name));
            let is_always = stream.every.as_std().is_zero();
            if stream.enabled && stream.is_whole() && (was_read || is_always) {
                let mut check = Check::of("source", stream.name.as_str());
                let ended = self.compare_snapshot(stream, &mut check).await;
                checks.push(check);
                ended?;
            }
        }
        Ok(())
    }

    async fn compare_snapshot(&self, stream: &Declaration, check: &mut Check) -> Result<()> {
        let mut all = Collected::default();
        let ask = ReadRequest { stream, bindings: &Bindings::default(), purpose: Purpose::Verify };
        if self.engine.source.read(ask, &mut all).await? != ReadEnd::Complete {
            check.note("not available on this workspace");
            return Ok(());
        }
        let records = all.0.into_iter().filter_map(|record| self.without_purged(record));
        // Of a key that comes twice the last record counts, as in a sync.
        let mut vendor: HashMap<RecordKey, SourceRecord> = records
            .filter(|record| !record.key.is_nameless())
            .map(|record| (record.key.clone(), record))
            .collect();
        let or_late = |kind| if stream.every.as_std().is_zero() { kind } else { Finding::Waiting };
        let mut after: Option<RecordKey> = None;
        loop {
            let state = &self.engine.stores.state;
            let page = state.scan_known(&stream.name, after.as_ref(), STEP).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key.clone());
            for known in page.iter().filter(|known| !known.gone) {
                check.compared += 1;
                let found = vendor.remove(&known.key);
                if let Some((kind, detail)) = self.compare_one(known, found).await? {
                    check.find(or_late(kind), known.key.as_str(), detail);
                }
            }
        }
        for key in vendor.into_keys() {
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
