//! One sync: recover, extract, load, report.

use clarion_core::{
    Error, Kind, Outcome, QuotaReport, RequestReport, Result, RunRecord, RunReport, Slice, Stop, StreamName,
    Timestamp, fault,
};
use tokio::time::timeout;

use crate::absent::Suspects;
use crate::backfill::{BackfillOptions, Portion, Round, Worker};
use crate::calls::CallsPass;
use crate::declared;
use crate::details::{DetailsPass, IN_FLIGHT};
use crate::engine::{Engine, Writer};
use crate::generation::{self, Share, Turn};
use crate::listing::Phase;
use crate::load::{LoadOptions, LoadOutcome};
use crate::on_demand::queue_asked;
use crate::recorder::{Recorder, stored_checkpoint};
use crate::recover::recover;
use crate::tally::Tally;
use crate::tombstones::Guard;

#[derive(Debug, Clone, Default)]
pub struct SyncOptions {
    /// Only these streams; all that are enabled if empty.
    pub streams: Vec<StreamName>,
    /// List all of history and fetch everything again.
    pub full: bool,
    /// Only the details that were asked for by notification; nothing is listed.
    pub on_demand: bool,
    /// Mark as deleted whatever is gone, also more than a fifth of a table.
    pub accept_deletes: bool,
    /// Go on with another key for hashing columns than before.
    pub accept_hash_key: bool,
}

impl SyncOptions {
    pub(crate) fn wants(&self, stream: &StreamName) -> bool {
        self.streams.is_empty() || self.streams.contains(stream)
    }
}

/// What a run does before it loads.
enum Work<'o> {
    Sync(&'o SyncOptions),
    Backfill(&'o BackfillOptions, Portion),
}

/// How a run ended: its report, and the errors behind it for whoever prints them.
pub struct RunEnd {
    pub report: RunReport,
    pub errors: Vec<Error>,
    /// New and wider columns, by destination.
    pub schema_changes: Vec<String>,
}

/// What is fixed when a run begins.
struct Frame<'w> {
    writer: &'w Writer,
    kind: &'w str,
    started_at: Timestamp,
}

impl Frame<'_> {
    fn record(&self, outcome: &str, ended_at: Option<Timestamp>, report: String) -> RunRecord {
        RunRecord {
            id: self.writer.run.clone(),
            kind: self.kind.to_owned(),
            outcome: outcome.to_owned(),
            started_at: self.started_at,
            ended_at,
            report,
        }
    }
}

impl Engine {
    /// One incremental run, then a load of every destination.
    pub async fn sync(&self, writer: &Writer, options: &SyncOptions) -> Result<RunEnd> {
        let kind = match (options.on_demand, options.full) {
            (true, _) => "on_demand",
            (false, true) => "sync --full",
            (false, false) => "sync",
        };
        self.carry_out(writer, kind, &Work::Sync(options)).await
    }

    /// A historical load, as far as the quota goes. Asked for again, it goes on.
    pub async fn backfill(&self, writer: &Writer, options: &BackfillOptions) -> Result<RunEnd> {
        self.carry_out(writer, "backfill", &Work::Backfill(options, Portion::ROUND)).await
    }

    /// A part of a backfill without a load and without a run of its own: work between two syncs.
    pub(crate) async fn backfill_piece(
        &self,
        writer: &Writer,
        options: &BackfillOptions,
        portion: Portion,
        holes: &mut Vec<Slice>,
    ) -> Result<Round> {
        // A service that was killed begins with this as well as with a sync.
        recover(&self.stores, writer).await?;
        for change in self.take_up_rules(writer, false).await? {
            tracing::warn!("{change}");
        }
        let mut tally = Tally::default();
        let work = Work::Backfill(options, portion);
        let round = self.until_stopped(self.round(writer, &work, &mut tally, holes)).await;
        if round.is_err() {
            self.save_what_came(writer).await?;
        }
        self.source.settle().await?;
        round
    }

    async fn carry_out(&self, writer: &Writer, kind: &str, work: &Work<'_>) -> Result<RunEnd> {
        let frame = Frame { writer, kind, started_at: self.stores.clock.now() };
        self.remember(&frame, None).await?;
        let ended = self.run(&frame, work).await;
        if ended.is_err() {
            self.remember_failure(&frame).await;
        }
        let end = ended?;
        self.remember(&frame, Some(&end.report)).await?;
        Ok(end)
    }

    async fn run(&self, frame: &Frame<'_>, work: &Work<'_>) -> Result<RunEnd> {
        let writer = frame.writer;
        let mut tally = Tally::default();
        let adopted = recover(&self.stores, writer).await?;
        if adopted > 0 {
            tally.warn(format!("took in {adopted} journal segment(s) of a run that did not end properly"));
        }
        let accept_key = matches!(work, Work::Sync(options) if options.accept_hash_key);
        for change in self.take_up_rules(writer, accept_key).await? {
            tally.warn(change);
        }
        let (mut loaded, mut holes) = (LoadOutcome::default(), Vec::new());
        loop {
            let round = self.until_stopped(self.round(writer, work, &mut tally, &mut holes)).await;
            let is_last = !matches!(round, Ok(Round::More));
            if let Err(error) = round {
                // One that says that the quota is spent is enough.
                let told = |earlier: &Error| earlier.kind() == Kind::Quota && error.kind() == Kind::Quota;
                if !tally.errors.iter().any(told) {
                    tally.errors.push(error);
                }
                tally.errors.extend(self.save_what_came(writer).await.err());
            }
            tally.errors.extend(self.source.settle().await.err());
            loaded.add(self.load_unless_stopped(writer, &mut tally).await?);
            if is_last {
                return self.report(frame, tally, loaded).await;
            }
        }
    }

    /// Extracts until a load is due.
    async fn round(
        &self,
        writer: &Writer,
        work: &Work<'_>,
        tally: &mut Tally,
        holes: &mut Vec<Slice>,
    ) -> Result<Round> {
        let mut recorder = Recorder::open(&self.stores, writer).await?;
        match work {
            Work::Sync(options) => self.extract(&mut recorder, options, tally).await.map(|()| Round::Last),
            Work::Backfill(options, portion) => {
                let worker = Worker::of(self, &mut recorder, tally, options, holes).await?;
                worker.portioned(*portion).round().await
            }
        }
    }

    /// Runs `work`. Once a stop is requested nothing more is sent, and what was sent has a while to come in.
    async fn until_stopped<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let stop = &self.stores.stop;
        if fault::defect("pipeline.drop_in_flight") {
            return stop.or(work).await;
        }
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = stop.requested() => self.source.halt(),
        }
        timeout(IN_FLIGHT, work).await.unwrap_or_else(|_| Err(Stop::interrupted()))
    }

    /// So that `status` does not show a run that is over as running; why it failed is told by whoever called.
    async fn remember_failure(&self, frame: &Frame<'_>) {
        let run = frame.record(Outcome::Failed.as_str(), Some(self.stores.clock.now()), String::new());
        if let Err(error) = self.stores.state.save_run(&run).await {
            tracing::warn!(error = %error.chain(), "the end of the run could not be stored");
        }
    }

    async fn extract(&self, recorder: &mut Recorder, options: &SyncOptions, tally: &mut Tally) -> Result<()> {
        if options.on_demand {
            return self.fetch_asked(recorder, tally).await;
        }
        declared::sync(self, recorder, tally, options, declared::Turn::First).await?;
        generation::begin_if_due(self, recorder, options.full).await?;
        if self.streams.calls.enabled && options.wants(&StreamName::CALLS) {
            let _phase = Phase::begin(self.stores.observer.as_ref(), StreamName::CALLS, None);
            let pass = CallsPass { engine: self, recorder, tally, suspects: Suspects::default() };
            let done = pass.run().await;
            note(tally, done)?;
            recorder.flush().await?;
        }
        declared::sync(self, recorder, tally, options, declared::Turn::AfterCalls).await?;
        if self.streams.call_details.enabled && options.wants(&StreamName::CALL_DETAILS) {
            let turn = self.turn(recorder, options).await?;
            let share = Share::of_this_run(self, turn.as_ref());
            let guard = Guard::of(&self.stores, StreamName::CALLS, options.accept_deletes).await?;
            let pass = DetailsPass::new(self, recorder, tally, share, guard);
            let done = pass.run().await;
            recorder.flush().await?;
            if let Some(turn) = turn {
                turn.end(self, recorder).await?;
            }
            recorder.flush().await?;
            note(tally, done)?;
        }
        declared::sync(self, recorder, tally, options, declared::Turn::Last).await
    }

    /// The generation's part of this run; `None` if the run takes all there is.
    async fn turn(&self, recorder: &Recorder, options: &SyncOptions) -> Result<Option<Turn>> {
        if options.full {
            return Ok(None);
        }
        Turn::at(self, recorder.cursor(generation::DRAINED), self.stores.clock.now()).await.map(Some)
    }

    /// The details that were asked for, and no others.
    async fn fetch_asked(&self, recorder: &mut Recorder, tally: &mut Tally) -> Result<()> {
        if !self.streams.call_details.enabled {
            queue_asked(&self.stores, recorder).await?;
            return Ok(());
        }
        let guard = Guard::shut(StreamName::CALLS);
        let pass = DetailsPass::new(self, recorder, tally, Share::nothing(), guard);
        let done = pass.only_asked().run().await;
        recorder.flush().await?;
        note(tally, done)
    }

    /// What was appended when extraction broke off is cut and adopted, so that nothing of it is paid for again.
    async fn save_what_came(&self, writer: &Writer) -> Result<()> {
        let checkpoint = stored_checkpoint(&self.stores).await?;
        // After a failed append the journal cannot cut, but it can recover what was appended before.
        let cut = self.stores.journal.cut(&writer.run, checkpoint).await;
        recover(&self.stores, writer).await?;
        cut.map(|_| ())
    }

    async fn load_unless_stopped(&self, writer: &Writer, tally: &mut Tally) -> Result<LoadOutcome> {
        if let Err(interrupted) = self.stores.stop.check() {
            if !tally.errors.iter().any(|error| error.kind() == Kind::Interrupted) {
                tally.errors.push(interrupted);
            }
            return Ok(LoadOutcome::default());
        }
        let options = LoadOptions::default();
        let loading = self.load_recovered(writer, &options);
        match self.stores.stop.or(loading).await {
            Err(error) if error.kind() == Kind::Interrupted => {
                tally.errors.push(error);
                Ok(LoadOutcome::default())
            }
            loaded => loaded,
        }
    }

    async fn report(&self, frame: &Frame<'_>, mut tally: Tally, loaded: LoadOutcome) -> Result<RunEnd> {
        for value in &loaded.rejected {
            tally.stream(&value.stream).rejected += 1;
        }
        for unmet in self.note_rules(frame.writer).await? {
            tally.warn(unmet);
        }
        // The tables of a first load are no news.
        let mut schema_changes = loaded.schema_changes;
        schema_changes.retain(|change| !change.ends_with(": new table"));
        tally.warnings.extend(schema_changes.iter().cloned());
        tally.errors.extend(loaded.errors);
        let outcome = outcome(&tally);
        let usage = self.source.usage();
        let report = RunReport {
            run_id: frame.writer.run.to_string(),
            kind: frame.kind.to_owned(),
            outcome,
            started_at: frame.started_at,
            ended_at: self.stores.clock.now(),
            requests: RequestReport {
                total: usage.total,
                by_stream: usage.by_stream,
                by_purpose: usage.by_purpose,
                retried: usage.retried,
                rate_limited: usage.rate_limited,
            },
            streams: tally.streams,
            destinations: loaded.reports,
            quota: self.quota(outcome).await?,
            forward_complete: frame.kind.starts_with("sync")
                && self.is_forward_complete(frame.started_at).await?,
            warnings: tally.warnings,
            errors: tally.errors.iter().map(Error::chain).collect(),
            holes: tally.holes,
        };
        Ok(RunEnd { report, errors: tally.errors, schema_changes })
    }

    async fn quota(&self, outcome: Outcome) -> Result<QuotaReport> {
        let week = self.stores.ledger.week(self.stores.clock.now()).await?;
        let left = (self.weekly_requests > 0).then(|| self.weekly_requests.saturating_sub(week.used));
        let resumes_at = (outcome == Outcome::Paused).then_some(week.resumes_at);
        Ok(QuotaReport { week_start: Some(week.week_start), used: week.used, left, resumes_at })
    }

    async fn remember(&self, frame: &Frame<'_>, report: Option<&RunReport>) -> Result<()> {
        let run = match report {
            None => frame.record("running", None, String::new()),
            Some(report) => {
                let text = serde_json::to_string(report).unwrap_or_default();
                frame.record(report.outcome.as_str(), Some(report.ended_at), text)
            }
        };
        self.stores.state.save_run(&run).await
    }
}

/// One stream's failure does not stop the others, unless it concerns them all.
pub(crate) fn note(tally: &mut Tally, done: Result<()>) -> Result<()> {
    let Err(error) = done else { return Ok(()) };
    match error.kind() {
        Kind::Remote | Kind::Protocol | Kind::Refused | Kind::NotFound => tally.errors.push(error),
        // Whichever listing it was, of all calls or of the public ones: what it did not show is missing.
        Kind::Unproven => tally.hole(&error),
        _ => return Err(error),
    }
    Ok(())
}

fn outcome(tally: &Tally) -> Outcome {
    let only_quota = tally.errors.iter().all(|error| error.kind() == Kind::Quota);
    match (tally.errors.is_empty(), only_quota, tally.holes.is_empty()) {
        (true, _, true) => Outcome::Done,
        (true, _, false) => Outcome::Partial,
        (false, true, _) => Outcome::Paused,
        (false, false, _) => Outcome::Failed,
    }
}
