//! A backfill beside the service: left with it, and followed until it ends, is paused, or becomes ours.

use std::time::Duration;

use anyhow::Result;
use clarion_core::{
    Backfill, Error, Event, Kind, Outcome, QuotaReport, RequestReport, RunReport, StreamName, StreamReport,
};
use clarion_pipeline::{BackfillOptions, BackfillStatus, QuotaStatus, Writer};

use super::Session;

/// How often its progress is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// How following ended.
pub(crate) enum Followed {
    Ended(Box<RunReport>),
    /// The quota is spent; the service goes on when there is some again.
    Paused(Box<RunReport>),
    /// We were asked to stop; the service goes on.
    Left,
    /// The service ended: the rest is for whoever asked.
    Ours(Box<Writer>),
}

pub(crate) async fn follow(session: &Session, options: &BackfillOptions) -> Result<Followed> {
    let stores = &session.wired.engine.stores;
    let job = Backfill::new(options.id.clone(), options.from, options.to, stores.clock.now());
    stores.state.ask_backfill(&job).await?;
    tracing::info!(span = options.id, "the service works on this backfill");
    let mut shown = 0;
    loop {
        let (jobs, quota) = session.wired.engine.backfills().await?;
        let job = jobs.iter().find(|job| job.span == options.id);
        let job =
            job.ok_or_else(|| Error::new(Kind::Conflict, "the backfill is gone").with("span", &options.id))?;
        advance(session, job, &mut shown);
        if job.done {
            session.bars.finish();
            return Ok(Followed::Ended(report(&quota, job, Outcome::Done)));
        }
        if quota.left == Some(0) {
            session.bars.finish();
            return Ok(Followed::Paused(report(&quota, job, Outcome::Paused)));
        }
        if let Ok(writer) = session.wired.writer("backfill").await {
            return Ok(Followed::Ours(Box::new(writer)));
        }
        let pause = async {
            tokio::time::sleep(EVERY).await;
            Ok(())
        };
        if stores.stop.or(pause).await.is_err() {
            session.bars.finish();
            eprintln!("the service goes on with it; `clarion status` shows how far it is");
            return Ok(Followed::Left);
        }
    }
}

fn advance(session: &Session, job: &BackfillStatus, shown: &mut u64) {
    let observer = &session.wired.engine.stores.observer;
    let stream = StreamName::CALLS;
    if *shown == 0 && job.calls_expected > 0 {
        observer.notice(Event::Started { stream: stream.clone(), expected: Some(job.calls_expected) });
    }
    observer.notice(Event::Fetched { stream, records: job.calls_listed.saturating_sub(*shown) });
    *shown = job.calls_listed;
}

/// What the service did for the job, in the form of a run's report.
fn report(quota: &QuotaStatus, job: &BackfillStatus, outcome: Outcome) -> Box<RunReport> {
    let streams =
        [("calls".to_owned(), StreamReport { fetched: job.calls_listed, ..StreamReport::default() })];
    Box::new(RunReport {
        run_id: format!("run {}", job.span),
        kind: "backfill".to_owned(),
        outcome,
        started_at: job.begun_at,
        ended_at: job.ends_at,
        requests: RequestReport { total: job.requests_spent, ..RequestReport::default() },
        streams: streams.into(),
        destinations: [].into(),
        quota: QuotaReport {
            week_start: Some(quota.week_start),
            used: quota.used,
            left: quota.left,
            resumes_at: (outcome == Outcome::Paused).then_some(quota.resets_at),
        },
        warnings: Vec::new(),
        errors: Vec::new(),
        holes: Vec::new(),
        forward_complete: false,
    })
}
