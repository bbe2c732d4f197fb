//! The metrics: counted from events as they happen, and set from the state store when they are asked for.

mod families;

use clarion_core::{
    Error, Event, Gauges, Kind, Observer, Outcome, Purpose, Reason, Result, RunSummary, Taken,
};
use prometheus::TextEncoder;

use self::families::Families;

/// The content type of what [`Metrics::show`] gives.
pub(crate) const TEXT_FORMAT: &str = prometheus::TEXT_FORMAT;

/// All metric families of the service, counted and set.
pub struct Metrics {
    families: Families,
}

impl Metrics {
    /// Every family with a first sample of each stream and destination, so that none is missing until something
    /// happens, and rates begin at zero.
    pub fn new(streams: &[&str], destinations: &[&str]) -> Result<Self> {
        let families = Families::register().map_err(unusable)?;
        for stream in streams {
            for purpose in Purpose::ALL {
                families.requests.with_label_values(&[*stream, purpose.as_str(), "ok"]);
            }
            families.request_seconds.with_label_values(&[*stream]);
            families.fetched.with_label_values(&[*stream]);
            families.stream_lag.with_label_values(&[*stream]).set(f64::INFINITY);
            families.last_success.with_label_values(&[*stream]).set(0.0);
            families.rejected.with_label_values(&[*stream]);
            for destination in destinations {
                families.rows.with_label_values(&[*destination, *stream]);
            }
        }
        for destination in destinations {
            families.load_seconds.with_label_values(&[*destination]);
            families.destination_lag.with_label_values(&[*destination]).set(f64::NAN);
        }
        for reason in Reason::ALL {
            families.queue_depth.with_label_values(&[reason.as_str()]);
            families.queue_due.with_label_values(&[reason.as_str()]);
        }
        for outcome in [Outcome::Done, Outcome::Partial, Outcome::Paused, Outcome::Failed] {
            families.runs.with_label_values(&["sync", outcome.as_str()]);
        }
        families.run_seconds.with_label_values(&["sync"]);
        for taken in [Taken::New, Taken::Repeated, Taken::Full] {
            families.notices.with_label_values(&[word(taken)]);
        }
        Ok(Self { families })
    }

    /// What became of a notification.
    pub fn count_notice(&self, taken: Taken) {
        self.families.notices.with_label_values(&[word(taken)]).inc();
    }

    /// All metrics as text, those that say where things stand as `gauges` has them.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub fn show(&self, gauges: &Gauges) -> Result<String> {
        self.families.quota_left.set(gauges.quota_left.map_or(f64::INFINITY, |left| left as f64));
        for (reason, (waiting, due)) in &gauges.queue {
            self.families.queue_depth.with_label_values(&[reason.as_str()]).set(*waiting as f64);
            self.families.queue_due.with_label_values(&[reason.as_str()]).set(*due as f64);
        }
        let (expected, listed) = gauges.backfill;
        self.families.backfill.with_label_values(&["expected"]).set(expected as f64);
        self.families.backfill.with_label_values(&["listed"]).set(listed as f64);
        for stream in &gauges.streams {
            let name = [stream.name.as_str()];
            let lag = stream.lag.map_or(f64::INFINITY, |lag| lag.num_milliseconds() as f64 / 1e3);
            self.families.stream_lag.with_label_values(&name).set(lag);
            let success = stream.last_success.map_or(0.0, |at| at.timestamp_millis() as f64 / 1e3);
            self.families.last_success.with_label_values(&name).set(success);
        }
        self.families.rejected.reset();
        let none = gauges.streams.iter().map(|stream| (&stream.name, &0));
        for (stream, records) in none.chain(&gauges.rejected) {
            self.families.rejected.with_label_values(&[stream.as_str()]).set(*records as f64);
        }
        for (destination, lag) in &gauges.destinations {
            let lag = lag.map_or(f64::NAN, |records| records as f64);
            self.families.destination_lag.with_label_values(&[destination]).set(lag);
        }
        let text = TextEncoder::new().encode_to_string(&self.families.registry.gather()).map_err(unusable)?;
        // The library writes Rust's spelling of infinity; the format's own is this one.
        Ok(text.replace(" inf\n", " +Inf\n"))
    }

    fn run_ended(&self, run: &RunSummary) {
        let stopped = run.trouble.iter().all(|kind| *kind == Kind::Interrupted) && !run.trouble.is_empty();
        let outcome = if stopped { "stopped" } else { run.outcome.as_str() };
        self.families.runs.with_label_values(&[run.kind.as_str(), outcome]).inc();
        let seconds = (run.ended_at - run.started_at).as_seconds_f64();
        self.families.run_seconds.with_label_values(&[run.kind.as_str()]).observe(seconds);
        for ((destination, table), rows) in &run.rows {
            self.families.rows.with_label_values(&[destination, table]).inc_by(*rows);
        }
        for (destination, millis) in &run.loads {
            self.families.load_seconds.with_label_values(&[destination]).observe(seconds_of(*millis));
        }
    }
}

impl Observer for Metrics {
    fn notice(&self, event: Event) {
        match event {
            Event::Requested { stream, purpose, outcome, millis } => {
                self.families.requests.with_label_values(&[stream.as_str(), purpose.as_str(), outcome]).inc();
                self.families
                    .request_seconds
                    .with_label_values(&[stream.as_str()])
                    .observe(seconds_of(millis));
            }
            Event::Waiting { millis } => self.families.waited_seconds.inc_by(seconds_of(millis)),
            Event::Fetched { stream, records } => {
                self.families.fetched.with_label_values(&[stream.as_str()]).inc_by(records);
            }
            Event::SegmentCut { bytes, .. } => self.families.journal_bytes.inc_by(bytes),
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
            rejected: BTreeMap::from([(StreamName::CALLS, 5)]),
            backfill: (300, 120),
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
            "clarion_backfill_calls{state=\"listed\"} 120",
            "clarion_stream_lag_seconds{stream=\"calls\"} 90",
            "clarion_stream_lag_seconds{stream=\"users\"} +Inf",
            "clarion_last_success_timestamp_seconds{stream=\"calls\"} 1.5",
            "clarion_rejected_records{stream=\"calls\"} 5",
            "clarion_rejected_records{stream=\"users\"} 0",
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
