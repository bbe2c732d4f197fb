//! The listings of calls, by window.

use std::sync::Arc;

use clarion_core::{
    Error, Kind, ListRequest, Listed, Observer, PageSink, Purpose, Result, Visibility, Window,
};

use super::pages::Pages;
use super::prove::{Plan, Prover};
use super::timeless;
use crate::exchange::Exchange;
use crate::paging::Filters;

pub(crate) struct Calls {
    pages: Pages,
}

impl Calls {
    pub(crate) fn new(exchange: Arc<Exchange>, observer: Arc<dyn Observer>) -> Self {
        Self { pages: Pages::new(exchange, observer) }
    }

    pub(crate) async fn list(&self, request: ListRequest, sink: &mut dyn PageSink) -> Result<Listed> {
        let ListRequest { window, visibility, purpose, max_rows } = request;
        let max_rows = match window {
            Window::ByTime { .. } => max_rows,
            Window::Modified { .. } => 0,
            Window::Everything => return timeless::list(&self.pages, sink, visibility, purpose).await,
            Window::Before(_) => {
                return Err(Error::new(Kind::Config, "such a window can be counted, not listed"));
            }
        };
        let plan = Plan { window, visibility, purpose, max_rows, divisible: true };
        Prover { pages: &self.pages, sink }.list(&plan).await
    }

    pub(crate) async fn count(
        &self,
        window: &Window,
        visibility: Visibility,
        purpose: Purpose,
    ) -> Result<u64> {
        self.pages.count(&Filters::of(window, visibility), purpose).await
    }
}
