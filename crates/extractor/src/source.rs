//! The vendor as the port sees it.

use std::sync::Arc;

use async_trait::async_trait;
use clarion_core::{
    Clock, Error, Fetched, Kind, Ledger, ListRequest, Listed, Observer, PageSink, Purpose, RecordKey, Result,
    Source, SourceRecord, StreamName, Usage, Visibility, Window,
};

use crate::classify;
use crate::client::HttpTransport;
use crate::exchange::{Errand, Exchange, Reply};
use crate::gate::Gate;
use crate::listing::Calls;
use crate::records;
use crate::settings::{Credentials, SourceSettings};
use crate::streams::{self, CALL_DETAILS};
use crate::transport::{Ask, Transport};
use crate::usage::Counter;

/// Clari Copilot over its REST API. Every request of every method passes one gate.
pub struct ClariSource {
    exchange: Arc<Exchange>,
    calls: Calls,
}

impl ClariSource {
    pub fn new(
        settings: SourceSettings,
        credentials: Credentials,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        settings.validate()?;
        let transport = Arc::new(HttpTransport::new(&settings, &credentials)?);
        Ok(Self::with_transport(&settings, transport, ledger, clock, observer))
    }

    /// Over another wire than HTTP: a scripted one, for tests.
    pub fn with_transport(
        settings: &SourceSettings,
        transport: Arc<dyn Transport>,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Self {
        let gate = Gate::new(settings, ledger, Arc::clone(&clock), Arc::clone(&observer));
        let rate_limit_wait = settings.rate_limit_wait;
        let exchange = Arc::new(Exchange {
            gate,
            transport,
            clock,
            observer: Arc::clone(&observer),
            usage: Counter::default(),
            rate_limit_wait,
        });
        Self { calls: Calls::new(Arc::clone(&exchange), observer), exchange }
    }
}

#[async_trait]
impl Source for ClariSource {
    async fn list(&self, request: ListRequest, sink: &mut dyn PageSink) -> Result<Listed> {
        self.calls.list(request, sink).await
    }

    async fn count(&self, window: &Window, visibility: Visibility, purpose: Purpose) -> Result<u64> {
        self.calls.count(window, visibility, purpose).await
    }

    async fn details(&self, id: &RecordKey, purpose: Purpose) -> Result<Fetched> {
        let ask = Ask { path: CALL_DETAILS.path, params: vec![("id", id.as_str().to_owned())] };
        let errand = Errand { spec: &CALL_DETAILS, purpose, ask: &ask, divisible: false };
        match self.exchange.run(errand, |body| records::single(&CALL_DETAILS, body)).await {
            Ok(Reply::Read(record)) if record.key == *id => Ok(Fetched::Record(record)),
            Ok(Reply::Read(_)) => {
                let message = "the vendor sent the details of another call than the one asked for";
                Err(Error::new(Kind::Protocol, message).with("stream", "call_details").with("id", id))
            }
            Ok(Reply::Missing) => Ok(Fetched::Missing),
            Ok(Reply::TooLarge) => Err(classify::unavailable(&ask, 502).with("id", id)),
            Err(error) => Err(error.with("id", id)),
        }
    }

    async fn snapshot(&self, stream: &StreamName, purpose: Purpose) -> Result<Vec<SourceRecord>> {
        let spec = streams::snapshot(stream).ok_or_else(|| {
            Error::new(Kind::Config, "not a stream that is read whole").with("stream", stream)
        })?;
        let ask = Ask { path: spec.path, params: Vec::new() };
        let errand = Errand { spec, purpose, ask: &ask, divisible: false };
        match self.exchange.run(errand, |body| records::page(spec, body)).await? {
            Reply::Read(page) => Ok(page.rows),
            Reply::Missing => Err(classify::not_found(&ask)),
            Reply::TooLarge => Err(classify::unavailable(&ask, 502)),
        }
    }

    async fn check(&self) -> Result<()> {
        self.count(&Window::Everything, Visibility::PublicOnly, Purpose::OnDemand).await.map(|_| ())
    }

    fn usage(&self) -> Usage {
        self.exchange.usage.usage()
    }

    fn halt(&self) {
        self.exchange.gate.halt();
    }

    async fn settle(&self) -> Result<()> {
        self.exchange.gate.settle().await
    }
}
