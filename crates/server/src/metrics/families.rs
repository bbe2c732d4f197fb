//! The families by name, help and labels.

use prometheus::{
    Counter, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
};

/// From a fast request to one that times out, in seconds.
const REQUEST_BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// From a run without news to a first sync.
const RUN_BUCKETS: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0];

pub(super) struct Families {
    pub(super) registry: Registry,
    pub(super) requests: IntCounterVec,
    pub(super) request_seconds: HistogramVec,
    pub(super) waited_seconds: Counter,
    pub(super) fetched: IntCounterVec,
    pub(super) journal_bytes: IntCounter,
    pub(super) rows: IntCounterVec,
    pub(super) runs: IntCounterVec,
    pub(super) run_seconds: HistogramVec,
    pub(super) load_seconds: HistogramVec,
    pub(super) notices: IntCounterVec,
    pub(super) quota_left: Gauge,
    pub(super) queue_depth: GaugeVec,
    pub(super) queue_due: GaugeVec,
    pub(super) backfill: GaugeVec,
    pub(super) stream_lag: GaugeVec,
    pub(super) last_success: GaugeVec,
    pub(super) rejected: GaugeVec,
    pub(super) destination_lag: GaugeVec,
}

impl Families {
    /// Makes each of them, in a registry of their own.
    pub(super) fn register() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let family = Maker { registry: &registry };
        Ok(Self {
            requests: family.counters(
                "requests_total",
                "Requests to the vendor, retries included",
                &["stream", "purpose", "outcome"],
            )?,
            request_seconds: family.histograms(
                "request_seconds",
                "How long a request took",
                &["stream"],
                &REQUEST_BUCKETS,
            )?,
            waited_seconds: family.counter_f64(
                "rate_limit_wait_seconds_total",
                "Time waited after the vendor refused for its rate",
            )?,
            fetched: family.counters("records_fetched_total", "Records that came in", &["stream"])?,
            journal_bytes: family
                .counter("journal_bytes_total", "Compressed bytes written to the journal")?,
            rows: family.counters(
                "rows_total",
                "Rows written to a destination, new and changed",
                &["destination", "table"],
            )?,
            runs: family.counters("runs_total", "Runs that ended", &["kind", "outcome"])?,
            run_seconds: family.histograms("run_seconds", "How long a run took", &["kind"], &RUN_BUCKETS)?,
            load_seconds: family.histograms(
                "load_seconds",
                "How long loading a destination took",
                &["destination"],
                &RUN_BUCKETS,
            )?,
            notices: family.counters(
                "hook_notices_total",
                "Genuine notifications by what became of them",
                &["outcome"],
            )?,
            quota_left: family.gauge("quota_left", "Requests left this week")?,
            queue_depth: family.gauges("queue_depth", "Details requests that are queued", &["reason"])?,
            queue_due: family.gauges("queue_due", "Details requests that are queued and due", &["reason"])?,
            backfill: family.gauges("backfill_calls", "Calls of unfinished backfills", &["state"])?,
            stream_lag: family.gauges("stream_lag_seconds", "How old a stream's data may be", &["stream"])?,
            last_success: family.gauges(
                "last_success_timestamp_seconds",
                "When the last sync that went well ended",
                &["stream"],
            )?,
            rejected: family.gauges("rejected_records", "Records that are rejected", &["stream"])?,
            destination_lag: family.gauges(
                "destination_lag_records",
                "Journal records that a destination has not loaded",
                &["destination"],
            )?,
            registry,
        })
    }
}

struct Maker<'r> {
    registry: &'r Registry,
}

impl Maker<'_> {
    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        let family = IntCounterVec::new(opts(name, help), labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let family = IntCounter::with_opts(opts(name, help))?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn counter_f64(&self, name: &str, help: &str) -> prometheus::Result<Counter> {
        let family = Counter::with_opts(opts(name, help))?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        let family = Gauge::with_opts(opts(name, help))?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        let family = GaugeVec::new(opts(name, help), labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        let opts = HistogramOpts::from(opts(name, help)).buckets(buckets.to_vec());
        let family = HistogramVec::new(opts, labels)?;
        self.registry.register(Box::new(family.clone()))?;
        Ok(family)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(format!("clarion_{name}"), help)
}
