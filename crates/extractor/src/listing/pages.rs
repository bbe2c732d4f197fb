//! Fetching one page of calls, smaller ones once the vendor could not send a large one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use clarion_core::{Event, Observer, Purpose, Result};

use crate::classify;
use crate::exchange::{Absent, Errand, Exchange, Reply};
use crate::paging::{Filters, MAX_LIMIT};
use crate::records::{self, Page};
use crate::streams::CALLS;
use crate::transport::Ask;

/// Asks for pages, each as large as the vendor can send.
pub(crate) struct Pages {
    exchange: Arc<Exchange>,
    observer: Arc<dyn Observer>,
    /// Halved when a page was too large: the vendor answers 502 past 6 MB.
    limit: AtomicU32,
    /// Pages in a row that came at the smaller size.
    good: AtomicU32,
}

/// After so many pages at a smaller size a larger one is tried again: the 502 may have been an outage.
const GROW_AFTER: u32 = 20;

impl Pages {
    pub(crate) fn new(exchange: Arc<Exchange>, observer: Arc<dyn Observer>) -> Self {
        Self { exchange, observer, limit: AtomicU32::new(MAX_LIMIT), good: AtomicU32::new(0) }
    }

    pub(crate) fn limit(&self) -> u32 {
        self.limit.load(Ordering::Relaxed)
    }

    /// A page, and the size that it was asked for with.
    pub(super) async fn fetch(&self, filters: &Filters, skip: u32, purpose: Purpose) -> Result<(Page, u32)> {
        loop {
            let limit = self.limit();
            match self.ask(filters.params(skip, limit), limit > 1, purpose).await? {
                Some(page) => {
                    self.grow(limit);
                    return Ok((page, limit));
                }
                None => self.halve(limit),
            }
        }
    }

    /// What the vendor says matches; one row is the least that can be asked for.
    pub(super) async fn count(&self, filters: &Filters, purpose: Purpose) -> Result<u64> {
        let page = self.ask(filters.params(0, 1), false, purpose).await?.unwrap_or_default();
        page.matched.ok_or_else(|| {
            let ask = Ask::of(CALLS.path, filters.params(0, 1));
            classify::failed(
                &ask,
                clarion_core::Kind::Protocol,
                "the server's page says nothing of how many calls match",
                200,
            )
        })
    }

    /// `None` if the page was too large.
    async fn ask(
        &self,
        params: Vec<(&'static str, String)>,
        divisible: bool,
        purpose: Purpose,
    ) -> Result<Option<Page>> {
        let ask = Ask::of(CALLS.path, params);
        let errand = Errand { stream: &CALLS.name, purpose, ask: &ask, divisible, absent: Absent::Nothing };
        match self.exchange.run(errand, |body| records::page(&CALLS, body)).await? {
            Reply::Read(page) => Ok(Some(page)),
            Reply::TooLarge => Ok(None),
            Reply::Missing(_) => Err(classify::not_found(&ask)),
        }
    }

    fn grow(&self, used: u32) {
        if used < MAX_LIMIT && self.good.fetch_add(1, Ordering::Relaxed) + 1 >= GROW_AFTER {
            self.good.store(0, Ordering::Relaxed);
            self.limit.store((used * 2).min(MAX_LIMIT), Ordering::Relaxed);
        }
    }

    fn halve(&self, tried: u32) {
        self.good.store(0, Ordering::Relaxed);
        let smaller = (tried / 2).max(1);
        // Another listing may have been faster.
        if self.limit.fetch_min(smaller, Ordering::Relaxed) > smaller {
            let message =
                format!("the vendor could not send a page of {tried} calls: asking for {smaller} at a time");
            self.observer.notice(Event::Warning { message });
        }
    }
}
