//! The metrics: counted from events as they happen, and set from the state store when they are asked for.

use clarion_core::{
    Error, Event, Gauges, Kind, Observer, Outcome, Purpose, Reason, Result, RunSummary, Taken,
};
use prometheus::{
    Counter, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry,
    TextEncoder,
};

/// The content type of what [`Metrics::show`] gives.
pub(crate) const TEXT_FORMAT: &str = prometheus::TEXT_FORMAT;

/// From a fast request to one that times out, in seconds.
const REQUEST_BUCKETS: [f64; 9] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];
/// From a run without news to a first sync.
const RUN_BUCKETS: [f64; 9] = [1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14_400.0, 86_400.0];

/// All metric families of the service.
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    waited_seconds: Counter,
    fetched: IntCounterVec,
    journal_bytes: IntCounter,
    rows: IntCounterVec,
    runs: IntCounterVec,
    run_seconds: HistogramVec,
    load_seconds: HistogramVec,
    notices: IntCounterVec,
    quota_left: Gauge,
    queue_depth: GaugeVec,
    queue_due: GaugeVec,
    stream_lag: GaugeVec,
    last_success: GaugeVec,
    destination_lag: GaugeVec,
}

impl Metrics {
    /// Every family with a first sample of each stream and destination, so that none is missing until something
    /// happens, and rates begin at zero.
    pub fn new(streams: &[&str], destinations: &[&str]) -> Result<Self> {
        let metrics = Self::register(Registry::new()).map_err(unusable)?;
        for stream in streams {
            for purpose in Purpose::ALL {
                metrics.requests.with_label_values(&[*stream, purpose.as_str(), "ok"]);
            }
            metrics.request_seconds.with_label_values(&[*stream]);
            metrics.fetched.with_label_values(&[*stream]);
            metrics.stream_lag.with_label_values(&[*stream]).set(f64::INFINITY);
            metrics.last_success.with_label_values(&[*stream]).set(0.0);
            for destination in destinations {
                metrics.rows.with_label_values(&[*destination, *stream]);
            }
        }
        for destination in destinations {
            metrics.load_seconds.with_label_values(&[*destination]);
            metrics.destination_lag.with_label_values(&[*destination]).set(f64::NAN);
        }
        for reason in Reason::ALL {
            metrics.queue_depth.with_label_values(&[reason.as_str()]);
            metrics.queue_due.with_label_values(&[reason.as_str()]);
        }
        for outcome in [Outcome::Done, Outcome::Partial, Outcome::Paused, Outcome::Failed] {
            metrics.runs.with_label_values(&["sync", outcome.as_str()]);
        }
        metrics.run_seconds.with_label_values(&["sync"]);
        for taken in [Taken::New, Taken::Repeated, Taken::Full] {
            metrics.notices.with_label_values(&[word(taken)]);
        }
        Ok(metrics)
    }

    /// What became of a notification.
    pub fn count_notice(&self, taken: Taken) {
        self.notices.with_label_values(&[word(taken)]).inc();
    }

    /// All metrics as text, those that say where things stand as `gauges` has them.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub fn show(&self, gauges: &Gauges) -> Result<String> {
        self.quota_left.set(gauges.quota_left.map_or(f64::INFINITY, |left| left as f64));
        for (reason, (waiting, due)) in &gauges.queue {
            self.queue_depth.with_label_values(&[reason.as_str()]).set(*waiting as f64);
            self.queue_due.with_label_values(&[reason.as_str()]).set(*due as f64);
        }
        for stream in &gauges.streams {
            let name = [stream.name.as_str()];
            let lag = stream.lag.map_or(f64::INFINITY, |lag| lag.num_milliseconds() as f64 / 1e3);
            self.stream_lag.with_label_values(&name).set(lag);
            let success = stream.last_success.map_or(0.0, |at| at.timestamp_millis() as f64 / 1e3);
            self.last_success.with_label_values(&name).set(success);
        }
        for (destination, lag) in &gauges.destinations {
            let lag = lag.map_or(f64::NAN, |records| records as f64);
            self.destination_lag.with_label_values(&[destination]).set(lag);
        }
        let text = TextEncoder::new().encode_to_string(&self.registry.gather()).map_err(unusable)?;
        // The library writes Rust's spelling of infinity; the format's own is this one.
        Ok(text.replace(" inf\n", " +Inf\n"))
    }

    fn run_ended(&self, run: &RunSummary) {
        let stopped = run.trouble.iter().all(|kind| *kind == Kind::Interrupted) && !run.trouble.is_empty();
        let outcome = if stopped { "stopped" } else { run.outcome.as_str() };
        self.runs.with_label_values(&[run.kind.as_str(), outcome]).inc();
        let seconds = (run.ended_at - run.started_at).as_seconds_f64();
        self.run_seconds.with_label_values(&[run.kind.as_str()]).observe(seconds);
        for ((destination, table), rows) in &run.rows {
            self.rows.with_label_values(&[destination, table]).inc_by(*rows);
        }
        for (destination, millis) in &run.loads {
            self.load_seconds.with_label_values(&[destination]).observe(seconds_of(*millis));
        }
    }
}

impl Observer for Metrics {
    fn notice(&self, event: Event) {
        match event {
            Event::Requested { stream, purpose, outcome, millis } => {
                self.requests.with_label_values(&[stream.as_str(), purpose.as_str(), outcome]).inc();
                self.request_seconds.with_label_values(&[stream.as_str()]).observe(seconds_of(millis));
            }
            Event::Waiting { millis } => self.waited_seconds.inc_by(seconds_of(millis)),
            Event::Fetched { stream, records } => {
                self.fetched.with_label_values(&[stream.as_str()]).inc_by(records);
            }
            Event::SegmentCut { bytes, .. } => self.journal_bytes.inc_by(bytes),
            Event::RunEnded { run } => self.run_ended(&run),
            Event::Started { .. }
            | Event::Finished { .. }
            | Event::LoadStarted { .. }
            | Event::Loaded { .. }
            | Event::LoadFinished { .. }
            | Event::SchemaChanged { .. }
            | Event::Warning { .. } => {}
        }
    }
}

/// The families, each in one line.
impl Metrics {
    fn register(registry: Registry) -> prometheus::Result<Self> {
        let family = Families { registry: &registry };
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
            stream_lag: family.gauges("stream_lag_seconds", "How old a stream's data may be", &["stream"])?,
            last_success: family.gauges(
                "last_success_timestamp_seconds",
                "When the last sync that went well ended",
                &["stream"],
            )?,
            destination_lag: family.gauges(
                "destination_lag_records",
                "Journal records that a destination has not loaded",
                &["destination"],
            )?,
            registry,
        })
    }
}

struct Families<'r> {
    registry: &'r Registry,
}

impl Families<'_> {
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

fn word(taken: Taken) -> &'static str {
    match taken {
        Taken::New => "taken",
        Taken::Repeated => "repeated",
        Taken::Full => "full",
    }
}

#[expect(clippy::cast_precision_loss, reason = "durations far below 2^53 ms")]
fn seconds_of(millis: u64) -> f64 {
    millis as f64 / 1e3
}

fn unusable(error: prometheus::Error) -> Error {
    Error::new(Kind::Config, "the metrics cannot be set up").source(error)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use clarion_core::{StreamGauge, StreamName, from_millis};

    use super::*;

    fn gauges(quota_left: Option<u64>) -> Gauges {
        let stream = |name, lag: Option<i64>| StreamGauge {
            name,
            last_success: lag.map(|_| from_millis(1_500)),
            lag: lag.map(chrono::Duration::seconds),
        };
        Gauges {
            quota_left,
            queue: BTreeMap::from([(Reason::Ready, (7, 3))]),
            streams: vec![stream(StreamName::CALLS, Some(90)), stream(StreamName::USERS, None)],
            destinations: BTreeMap::from([("lake".to_owned(), Some(4))]),
        }
    }

    #[test]
    fn every_family_is_there_from_the_start() {
        let metrics = Metrics::new(&["calls", "users"], &["lake"]).expect("metrics");
        let text = metrics.show(&gauges(None)).expect("text");
        for line in [
            "# TYPE clarion_requests_total counter",
            "clarion_requests_total{outcome=\"ok\",purpose=\"forward\",stream=\"calls\"} 0",
            "clarion_quota_left +Inf",
            "clarion_queue_depth{reason=\"ready\"} 7",
            "clarion_queue_depth{reason=\"on_demand\"} 0",
            "clarion_stream_lag_seconds{stream=\"calls\"} 90",
            "clarion_stream_lag_seconds{stream=\"users\"} +Inf",
            "clarion_last_success_timestamp_seconds{stream=\"calls\"} 1.5",
            "clarion_destination_lag_records{destination=\"lake\"} 4",
            "clarion_rows_total{destination=\"lake\",table=\"calls\"} 0",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
        assert!(metrics.show(&gauges(Some(12))).expect("text").contains("clarion_quota_left 12\n"));
    }

    #[test]
    fn what_happens_is_counted() {
        let metrics = Metrics::new(&["calls"], &["lake"]).expect("metrics");
        let (stream, purpose) = (StreamName::CALLS, Purpose::Forward);
        for outcome in ["ok", "ok", "rate_limited"] {
            metrics.notice(Event::Requested { stream: stream.clone(), purpose, outcome, millis: 80 });
        }
        metrics.notice(Event::SegmentCut { segment: 1, bytes: 100 });
        let text = metrics.show(&gauges(None)).expect("text");
        for line in [
            "clarion_requests_total{outcome=\"ok\",purpose=\"forward\",stream=\"calls\"} 2",
            "clarion_requests_total{outcome=\"rate_limited\",purpose=\"forward\",stream=\"calls\"} 1",
            "clarion_request_seconds_count{stream=\"calls\"} 3",
            "clarion_journal_bytes_total 100",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
    }
}
