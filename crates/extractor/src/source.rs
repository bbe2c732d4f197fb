//! The vendor as the port sees it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use clarion_core::{
    Clock, Error, Fetched, Kind, Ledger, ListRequest, Listed, Observer, PageSink, Purpose, ReadEnd,
    ReadRequest, RecordKey, Result, Source, Usage, Visibility, Window,
};

use crate::classify;
use crate::client::{ForeignTransport, HttpTransport};
use crate::declared::{Declared, Sample};
use crate::exchange::{Absent, Errand, Exchange, Reply};
use crate::gate::Gate;
use crate::listing::Calls;
use crate::records;
use crate::settings::{Credentials, SourceSettings};
use crate::streams::CALL_DETAILS;
use crate::transport::{Ask, Transport};
use crate::usage::Counter;

/// Clari Copilot over its REST API. Every request of every method passes one gate.
pub struct ClariSource {
    /// To the vendor.
    exchange: Arc<Exchange>,
    calls: Calls,
    declared: Declared,
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
        let wires = Wires {
            home: Arc::new(HttpTransport::new(&settings, &credentials)?),
            abroad: Arc::new(ForeignTransport::new(&settings)?),
        };
        Self::over(&settings, wires, ledger, clock, observer)
    }

    /// Over another wire than HTTP: a scripted one, for tests.
    pub fn with_transport(
        settings: &SourceSettings,
        transport: Arc<dyn Transport>,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        let wires = Wires { home: Arc::clone(&transport), abroad: transport };
        Self::over(settings, wires, ledger, clock, observer)
    }

    fn over(
        settings: &SourceSettings,
        wires: Wires,
        ledger: Arc<dyn Ledger>,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn Observer>,
    ) -> Result<Self> {
        let exchange = |transport, gate, is_vendor| {
            Arc::new(Exchange {
                gate,
                transport,
                clock: Arc::clone(&clock),
                observer: Arc::clone(&observer),
                usage: Counter::default(),
                rate_limit_wait: settings.rate_limit_wait,
                is_vendor,
            })
        };
        let to_vendor = Gate::new(settings, ledger, Arc::clone(&clock), Arc::clone(&observer));
        let home = exchange(wires.home, to_vendor, true);
        let to_others = Gate::abroad(settings, Arc::clone(&clock), Arc::clone(&observer));
        let abroad = exchange(wires.abroad, to_others, false);
        let calls = Calls::new(Arc::clone(&home), Arc::clone(&observer));
        let declared =
            Declared { home: Arc::clone(&home), abroad, base: settings.url()?, limits: Mutex::default() };
        Ok(Self { exchange: home, calls, declared })
    }
}

/// For those who look at the API rather than read it.
impl ClariSource {
    /// One page of a stream, and where in it there may be records. It passes the gate like any other request.
    pub async fn sample(&self, ask: ReadRequest<'_>) -> Result<Sample> {
        self.declared.sample(ask).await
    }
}

struct Wires {
    home: Arc<dyn Transport>,
    abroad: Arc<dyn Transport>,
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
        let ask = Ask::of(CALL_DETAILS.path, vec![("id", id.as_str().to_owned())]);
        let stream = &CALL_DETAILS.name;
        let errand = Errand { stream, purpose, ask: &ask, divisible: false, absent: Absent::Record };
        match self.exchange.run(errand, |body| records::single(&CALL_DETAILS, body)).await {
            Ok(Reply::Read(record)) if record.key == *id => Ok(Fetched::Record(record)),
            Ok(Reply::Read(_)) => {
                let message = "the vendor sent the details of another call than the one asked for";
                Err(Error::new(Kind::Protocol, message).with("stream", "call_details").with("id", id))
            }
            Ok(Reply::Missing(_)) => Ok(Fetched::Missing),
            Ok(Reply::TooLarge) => Err(classify::unavailable(&ask, 502).with("id", id)),
            Err(error) => Err(error.with("id", id)),
        }
    }

    async fn read(&self, ask: ReadRequest<'_>, sink: &mut dyn PageSink) -> Result<ReadEnd> {
        self.declared.read(ask, sink).await
    }

    async fn check(&self) -> Result<()> {
        self.count(&Window::Everything, Visibility::PublicOnly, Purpose::OnDemand).await.map(|_| ())
    }

    fn usage(&self) -> Usage {
        self.exchange.usage.usage()
    }

    fn halt(&self) {
        self.exchange.gate.halt();
        self.declared.abroad.gate.halt();
    }

    async fn settle(&self) -> Result<()> {
        self.exchange.gate.settle().await
    }
}
