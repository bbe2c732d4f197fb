//! Declared streams: what a declaration and its bindings ask for, page by page, and what comes of it.

mod asking;
mod cut;
mod pages;
mod paths;
mod sample;
mod slices;
mod suggest;
mod walk;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use clarion_core::{Declaration, PageSink, ReadEnd, ReadRequest, Result, StreamName, fault};
use reqwest::Url;

pub use self::sample::Sample;
pub use self::suggest::Suggestions;
use self::walk::Walk;
use crate::exchange::Exchange;

/// Reads declared streams, at the vendor's host and at others.
pub(crate) struct Declared {
    /// To the vendor: credentials, ledger, pace.
    pub(crate) home: Arc<Exchange>,
    /// To any other host: none of these, and a modest pace of its own.
    pub(crate) abroad: Arc<Exchange>,
    pub(crate) base: Url,
    /// Records a page where the server could not send more.
    pub(crate) limits: Mutex<BTreeMap<StreamName, u32>>,
}

impl Declared {
    pub(crate) async fn read(&self, ask: ReadRequest<'_>, sink: &mut dyn PageSink) -> Result<ReadEnd> {
        let now = self.home.clock.now();
        Walk::begin(self, ask, now)?.run(sink).await
    }

    fn limit(&self, stream: &Declaration) -> u32 {
        let limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
        limits.get(&stream.name).copied().unwrap_or(u32::MAX).min(stream.page_size)
    }

    fn remember_limit(&self, stream: &StreamName, limit: u32) {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.clone(), limit);
    }

    /// The way to `url`: only the vendor's own scheme, host and port get what is meant for the vendor.
    fn way_to(&self, url: &Url) -> &Exchange {
        if is_same_host(&self.base, url) { &self.home } else { &self.abroad }
    }
}

/// Scheme, host and port.
pub(crate) fn is_same_host(base: &Url, url: &Url) -> bool {
    base.origin() == url.origin() || fault::defect("extractor.every_host_is_the_vendor")
}

/// Checks of a declaration what [`Declaration::check`] cannot: its paths, address and headers.
pub fn check(stream: &Declaration) -> Result<()> {
    let checked = asking::check(stream).and_then(|()| paths::check(stream));
    checked.map_err(|error| error.with("stream", &stream.name))
}
