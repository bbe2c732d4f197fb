//! A vendor in memory: lists calls as the contract says, and can be made to lie.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use clarion_core::{SourceRecord, Timestamp, from_millis, parse_timestamp};
use clarion_extractor::{Answer, Ask, Fault, Transport};

type Hook = Box<dyn FnMut(&mut World, &Ask) + Send>;

/// Answers from a [`World`] that a test may change before every answer.
#[derive(Default)]
pub(crate) struct Vendor {
    world: Mutex<World>,
    hook: Mutex<Option<Hook>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) id: String,
    /// As text: it may be no time at all.
    pub(crate) time: Option<String>,
    pub(crate) modified: Timestamp,
    pub(crate) status: &'static str,
    pub(crate) kind: &'static str,
}

/// What there is, and how the server misbehaves.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) calls: Vec<Call>,
    pub(crate) asked: Vec<Ask>,
    /// Statuses to answer instead, from the back.
    pub(crate) failures: Vec<u16>,
    pub(crate) ignore_paging: bool,
    pub(crate) ignore_sort: bool,
    pub(crate) matched_delta: i64,
    pub(crate) matched_always: Option<u64>,
    pub(crate) timeless_last: bool,
    /// More rows than this do not fit an answer.
    pub(crate) most_rows: Option<usize>,
}

impl Call {
    pub(crate) fn at(id: impl Into<String>, millis: i64) -> Self {
        Self::new(id, Some(from_millis(1_750_000_000_000 + millis).to_rfc3339()))
    }

    pub(crate) fn new(id: impl Into<String>, time: Option<String>) -> Self {
        let modified = from_millis(1_760_000_000_000);
        Self { id: id.into(), time, modified, status: "PROCESSED", kind: "ZOOM" }
    }

    fn when(&self) -> Option<Timestamp> {
        parse_timestamp(self.time.as_deref()?)
    }

    fn json(&self) -> String {
        let mut call =
            serde_json::json!({"id": self.id, "status": self.status, "last_modified_time": self.modified});
        if let Some(time) = &self.time {
            call["time"] = time.as_str().into();
        }
        call.to_string()
    }
}

impl Vendor {
    pub(crate) fn of(calls: Vec<Call>) -> Arc<Self> {
        let vendor = Self::default();
        vendor.world().calls = calls;
        Arc::new(vendor)
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn before_each(&self, hook: impl FnMut(&mut World, &Ask) + Send + 'static) {
        *self.hook.lock().unwrap() = Some(Box::new(hook));
    }

    pub(crate) fn count(&self) -> usize {
        self.world().asked.len()
    }
}

#[async_trait]
impl Transport for Vendor {
    async fn get(&self, ask: &Ask) -> Result<Answer, Fault> {
        let mut world = self.world();
        if let Some(hook) = self.hook.lock().unwrap().as_mut() {
            hook(&mut world, ask);
        }
        world.asked.push(ask.clone());
        if let Some(status) = world.failures.pop() {
            return Ok(Answer { status, retry_after: None, body: "<html>".into() });
        }
        Ok(world.answer(ask))
    }
}

impl World {
    fn answer(&self, ask: &Ask) -> Answer {
        let one =
            |name: &str| ask.params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
        let at = |name: &str| one(name).map(|text| parse_timestamp(text).unwrap());
        let number = |name: &str, default: usize| one(name).map_or(default, |text| text.parse().unwrap());
        let (skip, limit) = (number("skip", 0), number("limit", 25));
        if skip > 10_000 || !(1..=100).contains(&limit) {
            return Answer { status: 400, retry_after: None, body: "".into() };
        }
        let within = |time: Option<Timestamp>, low: Option<Timestamp>, high: Option<Timestamp>| {
            let inside =
                |time: Timestamp| low.is_none_or(|low| time > low) && high.is_none_or(|high| time < high);
            if low.is_none() && high.is_none() { true } else { time.is_some_and(inside) }
        };
        let bounds = if self.ignore_paging { (None, None) } else { (at("filterTimeGt"), at("filterTimeLt")) };
        let mut found: Vec<(Option<Timestamp>, &Call)> = self
            .calls
            .iter()
            .map(|call| (call.when(), call))
            .filter(|(when, _)| within(*when, bounds.0, bounds.1))
            .filter(|(_, call)| within(Some(call.modified), at("filterModifiedGt"), at("filterModifiedLt")))
            .filter(|(_, call)| one("filterStatus").is_none_or(|status| status == call.status))
            .filter(|(_, call)| one("filterType").is_none_or(|kind| kind == call.kind))
            .collect();
        if !self.ignore_sort {
            found.sort_by_key(|(when, _)| (self.timeless_last && when.is_none(), *when));
        }
        let matched = self.matched_always.unwrap_or_else(|| {
            (i64::try_from(found.len()).unwrap() + self.matched_delta).try_into().unwrap_or(0)
        });
        let skip = if self.ignore_paging { 0 } else { skip };
        let rows: Vec<String> = found.iter().skip(skip).take(limit).map(|(_, call)| call.json()).collect();
        if self.most_rows.is_some_and(|most| rows.len() > most) {
            return Answer { status: 502, retry_after: None, body: "<html>".into() };
        }
        let more = found.len() > skip + rows.len();
        let body = format!(
            r#"{{"calls":[{}],"pagination":{{"matched":{matched},"hasMore":{more},"nextPageSkip":0}}}}"#,
            rows.join(",")
        );
        Answer { status: 200, retry_after: None, body: body.into() }
    }
}

/// Ids of records, each once, in order.
pub(crate) fn ids(records: &[SourceRecord]) -> Vec<String> {
    let unique: std::collections::BTreeSet<_> = records.iter().map(|record| record.key.to_string()).collect();
    unique.into_iter().collect()
}
