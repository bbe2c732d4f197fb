//! The vendor against what the journal says is there: counts first, ids where counts differ, some records whole.

use std::collections::{BTreeMap, HashMap};

use async_trait::async_trait;
use clarion_core::{
    Fetched, Known, ListRequest, PageSink, Position, Purged, Purpose, RecordKey, Result, RuleMemory,
    SourceRecord, Span, StatusClass, StreamName, Timestamp, Window, content_hash,
};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};

use super::differ::differing;
use super::report::{Check, Finding};
use super::sample::Sample;
use super::spans::{Part, parts};
use crate::about::without_purged;
use crate::calls::FORWARD;
use crate::engine::Engine;

/// Known records read in one step.
const STEP: u32 = 1_000;
/// Spans counted one by one; the last of each list is open to the future.
const PARTS: u64 = 20;
/// A part with so few calls is listed rather than halved.
const FEW: usize = 300;
/// Parts listed, at most; what differs beyond is counted and not named.
const LISTED: u32 = 20;
/// Every call with a time has one before this: year 2200.
const FAR: i64 = 7_258_118_400_000;

pub(crate) struct AgainstSource<'e> {
    pub(super) engine: &'e Engine,
    sample: usize,
    /// What the last forward pass saw; what changed later was not synced yet.
    pub(super) synced_to: Option<Timestamp>,
    calls: Check,
    listed: u32,
    /// Listed and not known at their time, by key; some of them only moved.
    unknown: BTreeMap<RecordKey, Listed>,
    /// Known and not listed at their time.
    unlisted: BTreeMap<RecordKey, Known>,
    /// The vendor may go on listing calls that were purged.
    purged: Option<Purged>,
    /// Since when other column rules hold than for older versions.
    rules: RuleMemory,
    /// Purged calls that were not listed here.
    unseen_purged: u64,
}

/// A call as the list shows it.
#[derive(Debug, Clone, Copy)]
struct Listed {
    hash: u64,
    modified: Option<Timestamp>,
}

impl<'e> AgainstSource<'e> {
    pub(crate) async fn new(engine: &'e Engine, sample: usize) -> Result<Self> {
        let synced_to = engine.stores.state.cursors().await?.get(FORWARD).copied();
        let purged = engine.stores.state.purged().await?;
        Ok(Self {
            unseen_purged: purged.as_ref().map_or(0, |purged| purged.marks() as u64),
            purged,
            rules: engine.stores.state.rules().await?,
            engine,
            sample,
            synced_to,
            calls: Check::of("source", StreamName::CALLS.as_str()),
            listed: 0,
            unknown: BTreeMap::new(),
            unlisted: BTreeMap::new(),
        })
    }

    /// Adds what it finds to `checks`, also if it ends early.
    pub(crate) async fn run(mut self, checks: &mut Vec<Check>) -> Result<()> {
        if self.engine.streams.calls.enabled {
            let ended = self.compare_calls().await;
            self.tell_moves().await?;
            checks.push(std::mem::take(&mut self.calls));
            ended?;
        }
        if self.engine.streams.call_details.enabled {
            let mut check = Check::of("source", StreamName::CALL_DETAILS.as_str());
            let ended = self.compare_details(&mut check).await;
            checks.push(check);
            ended?;
        }
        self.compare_snapshots(checks).await
    }

    /// What a sync would keep of a record.
    pub(super) fn without_purged(&self, record: SourceRecord) -> Option<SourceRecord> {
        // What is compared here hangs on no call.
        without_purged(self.purged.as_ref(), record, false)
    }

    async fn compare_calls(&mut self) -> Result<()> {
        let mut with_time = 0;
        let mut counted = 0;
        let slices = self.engine.stores.state.slices(&StreamName::CALLS).await?;
        let mut times = Vec::new();
        for span in super::spans::covered(&slices) {
            let mut of_span = Vec::new();
            self.each_known(span, |known| of_span.extend(known.time)).await?;
            times.push((span, of_span));
        }
        for part in parts(times, PARTS) {
            let vendor = self.count(part.span).await?;
            counted += vendor;
            with_time += part.known;
            self.compare_part(part, vendor).await?;
        }
        self.calls.compared += with_time;
        self.compare_timeless(counted).await
    }

    /// Halves a part whose counts differ until it is small, then names what differs.
    async fn compare_part(&mut self, part: Part, vendor: u64) -> Result<()> {
        let mut open = vec![(part, vendor)];
        while let Some((part, vendor)) = open.pop() {
            if vendor == part.known {
                continue;
            }
            let mut times = Vec::new();
            self.each_known(part.span, |known| times.extend(known.time)).await?;
            let middle = times.get(times.len() / 2).copied().filter(|middle| *middle > part.span.from);
            match middle.filter(|_| times.len() > FEW) {
                Some(middle) => {
                    let left = Span { from: part.span.from, to: Some(middle) };
                    let right = Span { from: middle, to: part.span.to };
                    let known = (times.len() / 2) as u64;
                    let counted = self.count(left).await?;
                    open.push((
                        Part { span: right, known: part.known.saturating_sub(known) },
                        vendor.saturating_sub(counted),
                    ));
                    open.push((Part { span: left, known }, counted));
                }
                None if self.listed < LISTED => {
                    self.listed += 1;
                    self.list(part.span).await?;
                }
                None => {
                    self.tell_unnamed(vendor, part.known);
                }
            }
        }
        Ok(())
    }

    fn tell_unnamed(&mut self, vendor: u64, known: u64) {
        let purged = self.unseen_purged.min(vendor.saturating_sub(known));
        self.unseen_purged -= purged;
        let kind = if vendor > known { Finding::Missing } else { Finding::Extra };
        self.calls.add(kind, vendor.abs_diff(known) - purged);
        self.calls.note(format!("{} more differ and are not named", vendor.abs_diff(known)));
    }

    async fn count(&self, span: Span) -> Result<u64> {
        let window = Window::ByTime { from: span.from, to: span.to };
        self.engine.source.count(&window, self.engine.visibility(), Purpose::Verify).await
    }

    /// Calls without a time, which no span shows.
    async fn compare_timeless(&mut self, counted: u64) -> Result<()> {
        let source = &self.engine.source;
        let visibility = self.engine.visibility();
        let all = source.count(&Window::Everything, visibility, Purpose::Verify).await?;
        let far = Window::Before(clarion_core::from_millis(FAR));
        let with_time = source.count(&far, visibility, Purpose::Verify).await?;
        let timeless = self.timeless().await?;
        self.calls.compared += timeless.len() as u64;
        if with_time > counted {
            self.calls.note(format!(
                "{} call(s) of the vendor lie outside the history that was listed so far",
                with_time - counted
            ));
        }
        if all.saturating_sub(with_time) != timeless.len() as u64 {
            let listed = self.list_window(Window::Everything).await?;
            self.compare_ids(timeless, listed);
        }
        Ok(())
    }

    async fn timeless(&self) -> Result<Vec<Known>> {
        let mut found = Vec::new();
        let mut after: Option<RecordKey> = None;
        loop {
            let state = &self.engine.stores.state;
            let page = state.scan_known(&StreamName::CALLS, after.as_ref(), STEP).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.key.clone());
            found.extend(page.into_iter().filter(|known| known.time.is_none() && !known.gone));
        }
    }

    async fn list(&mut self, span: Span) -> Result<()> {
        let listed = self.list_window(Window::ByTime { from: span.from, to: span.to }).await?;
        let mut known = Vec::new();
        self.each_known(span, |call| known.push(call.clone())).await?;
        self.compare_ids(known, listed);
        Ok(())
    }

    fn compare_ids(&mut self, known: Vec<Known>, mut listed: HashMap<RecordKey, Listed>) {
        for known in known {
            match listed.remove(&known.key) {
                None => drop(self.unlisted.insert(known.key.clone(), known)),
                Some(call) if call.hash != known.hash => self.tell_changed(&known, call.modified),
                Some(_) => {}
            }
        }
        self.unknown.extend(listed);
    }

    fn tell_changed(&mut self, known: &Known, modified: Option<Timestamp>) {
        let kind = self.late(modified).unwrap_or(self.differs(known));
        self.calls.find(kind, known.key.as_str(), "changed in the list");
    }

    /// What a version is that differs from the vendor's. One that was journalled under other column rules waits to be
    /// fetched again.
    pub(super) fn differs(&self, known: &Known) -> Finding {
        let is_outdated = self.rules.since(&known.stream).is_some_and(|since| known.checked_at < since);
        if is_outdated { Finding::Waiting } else { Finding::Stale }
    }

    /// What changed after the last forward pass waits for the next.
    fn late(&self, modified: Option<Timestamp>) -> Option<Finding> {
        let is_late = match (self.synced_to, modified) {
            (None, _) => true,
            (Some(synced_to), Some(modified)) => modified >= synced_to,
            (Some(_), None) => false,
        };
        is_late.then_some(Finding::Waiting)
    }

    /// A call that moved in time is unknown in one place and unlisted in another.
    async fn tell_moves(&mut self) -> Result<()> {
        let unknown = std::mem::take(&mut self.unknown);
        let keys: Vec<RecordKey> = unknown.keys().cloned().collect();
        let known = self.engine.stores.state.known(&StreamName::CALLS, &keys).await?;
        for (key, listed) in unknown {
            self.unlisted.remove(&key);
            let late = self.late(listed.modified);
            match known.get(&key) {
                Some(known) if !known.gone && known.hash == listed.hash => {}
                Some(known) if !known.gone => {
                    self.calls.find(late.unwrap_or(Finding::Stale), key.as_str(), "moved to another time");
                }
                _ => self.calls.find(late.unwrap_or(Finding::Missing), key.as_str(), "the vendor lists it"),
            }
        }
        for key in std::mem::take(&mut self.unlisted).into_keys() {
            self.calls.find(Finding::Extra, key.as_str(), "the vendor does not list it any more");
        }
        Ok(())
    }

    async fn list_window(&mut self, window: Window) -> Result<HashMap<RecordKey, Listed>> {
        let mut ids = Ids::default();
        let visibility = self.engine.visibility();
        let request = ListRequest { window, visibility, purpose: Purpose::Verify, max_rows: 0 };
        self.engine.source.list(request, &mut ids).await?;
        let mut listed = ids.0;
        if let Some(purged) = &self.purged {
            let before = listed.len();
            listed.retain(|key, _| !purged.contains(key));
            self.unseen_purged = self.unseen_purged.saturating_sub((before - listed.len()) as u64);
        }
        Ok(listed)
    }

    async fn each_known(&self, span: Span, mut show: impl FnMut(&Known)) -> Result<()> {
        let mut after: Option<Known> = None;
        loop {
            let state = &self.engine.stores.state;
            let page = state.known_in(&StreamName::CALLS, span, after.as_ref(), STEP).await?;
            page.iter().for_each(&mut show);
            let Some(last) = page.into_iter().last() else { return Ok(()) };
            after = Some(last);
        }
    }

    /// A call that is ready has details, or they are queued; some details, as they are now, equal those journalled.
    async fn compare_details(&self, check: &mut Check) -> Result<()> {
        let mut sample = Sample::new(self.sample);
        let mut without = self.look_for_details(&mut sample, check).await?;
        let mut chosen: BTreeMap<RecordKey, Known> = sample.into_keys().collect();
        let mut after = None;
        let mut queued = Vec::new();
        loop {
            let state = &self.engine.stores.state;
            let page = state.due(Timestamp::MAX_UTC, after.as_ref(), STEP).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            for entry in page {
                if without.remove(&entry.key).is_some() {
                    check.find(Finding::Waiting, entry.key.as_str(), entry.reason.as_str());
                }
                if chosen.contains_key(&entry.key) {
                    queued.push(entry.key);
                }
            }
        }
        for rejected in self.engine.stores.state.rejected_by(None).await? {
            without.remove(&rejected.key);
        }
        for key in without.into_keys() {
            check.find(Finding::Missing, key.as_str(), "listed as ready, without details, and not queued");
        }
        queued.iter().for_each(|key| drop(chosen.remove(key)));
        self.fetch(chosen, check).await
    }

    /// Calls that should have details and have none.
    async fn look_for_details(
        &self,
        sample: &mut Sample<Known>,
        check: &mut Check,
    ) -> Result<BTreeMap<RecordKey, ()>> {
        let state = &self.engine.stores.state;
        let mut without = BTreeMap::new();
        let mut after: Option<RecordKey> = None;
        loop {
            let calls = state.scan_known(&StreamName::CALLS, after.as_ref(), STEP).await?;
            let Some(last) = calls.last() else { return Ok(without) };
            after = Some(last.key.clone());
            let keys: Vec<RecordKey> = calls.iter().map(|call| call.key.clone()).collect();
            let details = state.known(&StreamName::CALL_DETAILS, &keys).await?;
            for call in calls.iter().filter(|call| !call.gone) {
                check.compared += 1;
                match details.get(&call.key) {
                    Some(known) if !known.gone => sample.offer(&call.key, || known.clone()),
                    _ if StatusClass::of(call.status.as_deref()).has_details() => {
                        without.insert(call.key.clone(), ());
                    }
                    _ => {}
                }
            }
        }
    }

    async fn fetch(&self, chosen: BTreeMap<RecordKey, Known>, check: &mut Check) -> Result<()> {
        let source = self.engine.source.clone();
        let fetch = |(key, known): (RecordKey, Known)| {
            let source = source.clone();
            async move { source.details(&key, Purpose::Verify).await.map(|fetched| (known, fetched)) }
        };
        let mut answers = stream::iter(chosen).map(fetch).buffer_unordered(self.engine.concurrency.max(1));
        let mut fetched = 0_u64;
        while let Some((known, answer)) = answers.try_next().await? {
            fetched += 1;
            match answer {
                Fetched::Missing => {
                    check.find(Finding::Extra, known.key.as_str(), "the vendor does not have it any more");
                }
                Fetched::Record(record) if content_hash(&record.data) != known.hash => {
                    let kind = self.late(record.modified).unwrap_or(self.differs(&known));
                    check.find(kind, known.key.as_str(), self.where_it_differs(&known, &record).await?);
                }
                Fetched::Record(_) => {}
            }
        }
        check.note(format!("{fetched} fetched and compared whole"));
        Ok(())
    }

    pub(super) async fn where_it_differs(&self, known: &Known, record: &SourceRecord) -> Result<String> {
        let Position { segment, line } = known.position;
        let entries = self.engine.stores.journal.read(segment).await?;
        let entry = (line as usize).checked_sub(2).and_then(|index| entries.get(index)?.as_ref());
        Ok(entry.map_or_else(
            || "not where the state store says".to_owned(),
            |entry| differing(&entry.data, &record.data),
        ))
    }
}

#[derive(Default)]
struct Ids(HashMap<RecordKey, Listed>);

#[async_trait]
impl PageSink for Ids {
    async fn page(&mut self, records: Vec<SourceRecord>) -> Result<()> {
        for record in records.into_iter().filter(|record| !record.key.is_nameless()) {
            let listed = Listed { hash: content_hash(&record.data), modified: record.modified };
            self.0.insert(record.key, listed);
        }
        Ok(())
    }
}
