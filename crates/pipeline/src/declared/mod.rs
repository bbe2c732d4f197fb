//! Every stream but `calls` and `call_details`: what to read of it, when, and what its absence means.
//!
//! A stream is a declaration ([`clarion_core::Declaration`]); nothing here knows one by its name.

mod absence;
mod by_id;
mod due;
mod intake;
mod leads;
mod lists;
mod noted;
mod outlook;
mod places;
mod stats;
mod status;
mod whole;
mod windows;

use clarion_core::{Declaration, Error, Kind, Outcome, ReadEnd, Result, Retry, StreamName, Timestamp};

pub(crate) use self::due::{absent as absent_mark, read as read_cursor};
pub(crate) use self::leads::Leads;
use crate::about::CALL_STREAMS;
use crate::engine::Engine;
use crate::generation;
use crate::listing::Phase;
use crate::recorder::Recorder;
use crate::sync::{SyncOptions, note};
use crate::tally::Tally;

/// When in a sync a stream has its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Few requests, which nothing else has to wait for or to be paid before.
    First,
    /// Windows of time, which begin with the first call; lists of calls, of which it must be known who may see them.
    AfterCalls,
    /// What calls and their details name.
    Last,
}

impl Turn {
    /// A child of a child of calls has its turn with them; what costs a request a record comes after the calls, however
    /// few parents there are today.
    pub(crate) fn of(stream: &Declaration, all: &[Declaration]) -> Self {
        let is_call = |name: &str| CALL_STREAMS.iter().any(|call| call.as_str() == name);
        let mut root = stream;
        let mut by_id = stream.by_id;
        for _ in 0..all.len() {
            match all.iter().find(|other| other.name.as_str() == root.parent) {
                Some(parent) => root = parent,
                None => break,
            }
            by_id |= root.by_id;
        }
        if is_call(&root.parent) || by_id {
            Self::Last
        } else if stream.is_windowed() || stream.of_calls || !stream.parent.is_empty() {
            Self::AfterCalls
        } else {
            Self::First
        }
    }
}

/// One stream's part of a sync.
struct Pass<'p> {
    engine: &'p Engine,
    recorder: &'p mut Recorder,
    tally: &'p mut Tally,
    stream: &'p Declaration,
    options: &'p SyncOptions,
    begun: Timestamp,
}

/// Reads the streams of this turn that are enabled, wanted and due. One that fails does not stop the others.
pub(crate) async fn sync(
    engine: &Engine,
    recorder: &mut Recorder,
    tally: &mut Tally,
    options: &SyncOptions,
    turn: Turn,
) -> Result<()> {
    let declared = engine.stores.declared.clone();
    for stream in declared.iter().filter(|stream| stream.enabled && options.wants(&stream.name)) {
        if Turn::of(stream, &declared) != turn {
            continue;
        }
        engine.stores.stop.check()?;
        let begun = engine.stores.clock.now();
        let pass = Pass { engine, recorder, tally, stream, options, begun };
        let done = pass.run().await;
        note(tally, done.map_err(|error| named(error, &stream.name)))?;
    }
    recorder.flush().await
}

/// Whether a full load that began at `begun` was paused among the records that are asked for by id.
pub(crate) async fn ids_wait(engine: &Engine, begun: Timestamp) -> Result<bool> {
    let state = &engine.stores.state;
    let last = state.syncs(2).await?.into_iter().find(|run| run.ended_at.is_some());
    if last.is_none_or(|last| last.outcome != Outcome::Paused.as_str()) {
        return Ok(false);
    }
    for stream in engine.stores.declared.iter().filter(|stream| stream.enabled && stream.by_id) {
        if state.count_leads(&stream.name, begun).await?.1 > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn named(error: Error, stream: &StreamName) -> Error {
    // Where the source has said so already, once is enough.
    if error.to_string().contains(stream.as_str()) { error } else { error.with("stream", stream) }
}

impl Pass<'_> {
    async fn run(mut self) -> Result<()> {
        if !self.stream.parent.is_empty() {
            noted::catch_up(&mut self).await?;
        }
        // A stream that is asked record by record has a schedule for each.
        if self.stream.by_id {
            return by_id::sync(&mut self).await;
        }
        // One that is asked for in many lists may have some of them left from the time before.
        if !self.stream.parent.is_empty() {
            return lists::sync(&mut self).await;
        }
        let last = self.recorder.cursor(&due::read(&self.stream.name));
        if !self.is_forced() && !due::is_due(self.stream, last, self.begun) {
            return Ok(());
        }
        if !self.is_forced() && self.was_in_vain() {
            return Ok(());
        }
        let stores = &self.engine.stores;
        let _phase = Phase::begin(stores.observer.as_ref(), self.stream.name.clone(), None);
        let done = self.read().await;
        if done.as_ref().is_err_and(is_in_vain) {
            self.recorder.set_mark(&due::tried(&self.stream.name), &due::trial(self.stream, self.begun));
        }
        done
    }

    async fn read(&mut self) -> Result<()> {
        if self.stream.is_windowed() { stats::sync(self).await } else { whole::sync(self).await }
    }

    /// Whether the last read failed in a way that another one soon would repeat.
    fn was_in_vain(&mut self) -> bool {
        let name = &self.stream.name;
        let trial = self.recorder.mark(&due::tried(name));
        let waits = trial.is_some_and(|trial| due::waits(self.stream, trial, self.begun));
        if waits {
            self.tally.warn(format!(
                "{name} could not be read to its end last time; it is read again on its schedule, or with --streams {name}"
            ));
        }
        waits
    }

    /// Whether the schedule does not matter.
    fn is_forced(&self) -> bool {
        self.options.full || !self.options.streams.is_empty()
    }

    /// Everything is asked for anew that was asked for before this moment, if somebody wants it anew. A full load that
    /// takes several runs asks for nothing twice.
    fn anew(&self) -> Option<Timestamp> {
        let generation = || self.recorder.cursor(generation::BEGUN).unwrap_or(self.begun);
        if self.options.full { Some(generation()) } else { None }
    }

    /// The stream was read to its end.
    async fn complete(&mut self) -> Result<()> {
        for mark in [due::absent(&self.stream.name), due::tried(&self.stream.name)] {
            if self.recorder.mark(&mark).is_some() {
                self.recorder.set_mark(&mark, "");
            }
        }
        self.recorder.set_cursor(&due::read(&self.stream.name), self.begun);
        self.recorder.flush().await
    }

    /// The endpoint is not there: said once, and asked for again on schedule.
    async fn unavailable(&mut self, status: u16) -> Result<()> {
        let name = &self.stream.name;
        let absent = due::absent(name);
        if self.recorder.mark(&absent).is_none() {
            let since = self.begun.format("%F");
            self.recorder.set_mark(&absent, &format!("{status} since {since}"));
            self.tally.warn(format!(
                "{name} is not available on this workspace ({status}); the run goes on, and it is asked for again on \
                 its schedule"
            ));
        }
        self.recorder.set_cursor(&due::read(name), self.begun);
        self.recorder.flush().await
    }

    /// For streams of which the end of a read can only be that all of it came.
    async fn ended(&mut self, end: ReadEnd) -> Result<()> {
        match end {
            ReadEnd::Complete => self.complete().await,
            ReadEnd::Missing => self.unavailable(404).await,
            ReadEnd::Unavailable { status } => self.unavailable(status).await,
        }
    }
}

/// Whether a failure concerns one record or parent, and not the endpoint or us.
fn is_of_one(error: &Error) -> bool {
    matches!(error.kind(), Kind::Remote | Kind::Protocol | Kind::Unproven)
}

/// Whether what was asked for is refused, and not whoever asks: a host that wants other headers refuses everything.
fn is_refused(error: &Error) -> bool {
    error.kind() == Kind::Refused && error.retry_class() == Retry::Permanent
}

/// Whether the same read would fail in the same way, after as many pages. A refusal comes with the first one.
fn is_in_vain(error: &Error) -> bool {
    matches!(error.kind(), Kind::Protocol | Kind::Unproven)
}
