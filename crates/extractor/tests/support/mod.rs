//! A vendor in memory, a ledger in memory, and a clock that follows tokio's time.

mod ledger;
mod vendor;
mod wire;

use std::sync::{Arc, Mutex};

use chrono::TimeDelta;
use clarion_core::{
    Bindings, Clock, Collected, Declaration, Event, ListRequest, Listed, Observer, Purpose, ReadEnd,
    ReadRequest, Result, Source, SourceRecord, Timestamp, Visibility, Window, built_in, parse_timestamp,
};
use clarion_extractor::{ClariSource, SourceSettings, Transport};
use tokio::time::Instant;

pub(crate) use ledger::MemoryLedger;
pub(crate) use vendor::{Call, Vendor, World, ids};
pub(crate) use wire::{Host, Wire, param, shown};

/// A source over a scripted wire, with all that a test looks at.
pub(crate) struct Rig {
    pub(crate) source: Arc<ClariSource>,
    pub(crate) ledger: Arc<MemoryLedger>,
    pub(crate) events: Arc<Events>,
}

impl Rig {
    pub(crate) fn new(transport: Arc<dyn Transport>, rate: f64) -> Self {
        let settings = SourceSettings { requests_per_second: rate, ..SourceSettings::default() };
        Self::with(transport, &settings, Arc::default())
    }

    pub(crate) fn with(
        transport: Arc<dyn Transport>,
        settings: &SourceSettings,
        ledger: Arc<MemoryLedger>,
    ) -> Self {
        Self::starting(time("2026-11-18T12:00:00Z"), transport, settings, ledger)
    }

    /// With a clock that starts at `origin`.
    pub(crate) fn starting(
        origin: Timestamp,
        transport: Arc<dyn Transport>,
        settings: &SourceSettings,
        ledger: Arc<MemoryLedger>,
    ) -> Self {
        let clock = Arc::new(TokioClock { origin, start: Instant::now() });
        let events = Arc::new(Events::default());
        let source = ClariSource::with_transport(
            settings,
            transport,
            Arc::clone(&ledger) as _,
            clock,
            Arc::clone(&events) as _,
        )
        .unwrap();
        Self { source: Arc::new(source), ledger, events }
    }

    pub(crate) async fn list(&self, window: Window, max_rows: u64) -> (Result<Listed>, Vec<SourceRecord>) {
        let request =
            ListRequest { window, visibility: Visibility::All, purpose: Purpose::Forward, max_rows };
        let mut sink = Collected::default();
        let listed = self.source.list(request, &mut sink).await;
        (listed, sink.0)
    }
}

/// Reads the planted defects from the environment, once a process.
pub(crate) fn read_defects() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(clarion_core::fault::setup);
}

/// The records of a built-in stream.
pub(crate) async fn read(source: &ClariSource, stream: &str) -> Result<Vec<SourceRecord>> {
    let stream = built_in().iter().find(|known| known.name.as_str() == stream).unwrap();
    let (end, records) = read_declared(source, stream, &Bindings::default()).await?;
    assert_eq!(end, ReadEnd::Complete);
    Ok(records)
}

pub(crate) async fn read_declared(
    source: &ClariSource,
    stream: &Declaration,
    bindings: &Bindings,
) -> Result<(ReadEnd, Vec<SourceRecord>)> {
    let mut sink = Collected::default();
    let end = source.read(ReadRequest { stream, bindings, purpose: Purpose::Forward }, &mut sink).await?;
    Ok((end, sink.0))
}

#[derive(Default)]
pub(crate) struct Events(pub(crate) Mutex<Vec<Event>>);

impl Observer for Events {
    fn notice(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

pub(crate) struct TokioClock {
    origin: Timestamp,
    start: Instant,
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.origin + TimeDelta::from_std(self.start.elapsed()).unwrap()
    }
}

pub(crate) fn time(text: &str) -> Timestamp {
    parse_timestamp(text).unwrap()
}

/// All of the calls' times.
pub(crate) fn by_time() -> Window {
    Window::ByTime { from: time("2020-01-01T00:00:00Z"), to: None }
}

/// All status changes.
pub(crate) fn modified() -> Window {
    Window::Modified { after: time("2020-01-01T00:00:00Z"), before: time("2030-01-01T00:00:00Z") }
}
