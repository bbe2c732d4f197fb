//! Progress on a terminal: one bar a phase, with rate, quota and the time left.

use std::collections::HashMap;
use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;

use clarion_core::{Event, Observer};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A long phase whose size is known.
const COUNTED: &str = "{prefix:14} {bar:32} {human_pos}/{human_len} {per_sec:.0} {msg} {eta} left";
/// A phase that counts up.
const OPEN: &str = "{prefix:14} {spinner} {human_pos} {per_sec:.0} {msg}";

/// Shows bars on a terminal, and nothing elsewhere.
pub(crate) struct Bars {
    all: MultiProgress,
    shown: Mutex<HashMap<String, ProgressBar>>,
    weekly_requests: u64,
}

impl Bars {
    pub(crate) fn new(wanted: bool, weekly_requests: u64) -> Self {
        let visible = wanted && stderr().is_terminal();
        let target = if visible { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { all: MultiProgress::with_draw_target(target), shown: Mutex::default(), weekly_requests }
    }

    /// Takes all bars off the screen.
    pub(crate) fn finish(&self) {
        for (_, bar) in self.bars().drain() {
            bar.finish_and_clear();
        }
    }

    fn bars(&self) -> std::sync::MutexGuard<'_, HashMap<String, ProgressBar>> {
        self.shown.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn begin(&self, name: &str, expected: Option<u64>) {
        let (bar, template) = match expected {
            Some(expected) => (ProgressBar::new(expected), COUNTED),
            None => (ProgressBar::no_length(), OPEN),
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = self.all.add(bar.with_style(style).with_prefix(name.to_owned()));
        if let Some(expected) = expected
            && self.weekly_requests > 0
        {
            bar.set_message(format!("({expected} of {} requests a week)", self.weekly_requests));
        }
        if let Some(before) = self.bars().insert(name.to_owned(), bar) {
            before.finish_and_clear();
        }
    }

    fn advance(&self, name: &str, by: u64) {
        if let Some(bar) = self.bars().get(name) {
            bar.inc(by);
        }
    }

    fn end(&self, name: &str) {
        if let Some(bar) = self.bars().remove(name) {
            bar.finish();
        }
    }
}

impl Observer for Bars {
    fn notice(&self, event: Event) {
        match event {
            Event::Started { stream, expected } => self.begin(stream.as_str(), expected),
            Event::Fetched { stream, records } => self.advance(stream.as_str(), records),
            Event::Finished { stream } => self.end(stream.as_str()),
            Event::LoadStarted { destination, records } => self.begin(&destination, Some(records)),
            Event::Loaded { destination, records } => self.advance(&destination, records),
            Event::LoadFinished { destination } => self.end(&destination),
            Event::Waiting { millis } => {
                let text = format!("the vendor refuses for its rate: all requests wait {} s", millis / 1000);
                tracing::warn!(wait_ms = millis, "rate limited");
                // Fails only if the terminal is gone, and then nobody reads it.
                let _ = self.all.println(text);
            }
            Event::Warning { message } => {
                let _ = self.all.println(message);
            }
            Event::Requested { .. }
            | Event::SegmentCut { .. }
            | Event::SchemaChanged { .. }
            | Event::RunEnded { .. } => {}
        }
    }
}
