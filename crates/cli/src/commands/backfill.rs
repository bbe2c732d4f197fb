//! `clarion backfill`

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clarion_core::{Backfill, Error, Event, Kind, StreamName, Timestamp};
use clarion_pipeline::{BackfillOptions, BackfillStatus};

use super::{Online, Session, sync};
use crate::args::Args;
use crate::output;

/// How often the progress of a backfill is looked at that the service works on.
const FOLLOW_EVERY: Duration = Duration::from_secs(2);

pub(crate) async fn run(args: &Args, from: &str, to: Option<&str>) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::Yes).await?;
    let engine = &session.wired.engine;
    let options = span(from, to, engine.stores.clock.now())?;
    let writer = match session.wired.writer("backfill").await {
        Ok(writer) => writer,
        Err(refused) if is_the_service(&refused) => return hand_over(args, &session, &options).await,
        Err(refused) => return Err(refused.into()),
    };
    let end = engine.backfill(&writer, &options).await;
    session.bars.finish();
    let end = end?;
    if args.json {
        super::print_json(&end.report)?;
    } else {
        output::run_report(&end.report, args.quiet);
    }
    Ok(sync::finish(&session, &end))
}

fn is_the_service(refused: &Error) -> bool {
    refused.context().iter().any(|(name, value)| *name == "command" && value == "run")
}

/// The service writes: it works on the backfill between its syncs, and this process follows.
async fn hand_over(args: &Args, session: &Session, options: &BackfillOptions) -> Result<ExitCode> {
    let stores = &session.wired.engine.stores;
    let job = Backfill::new(options.id.clone(), options.from, options.to, stores.clock.now());
    stores.state.ask_backfill(&job).await?;
    tracing::info!(span = options.id, "the service works on this backfill");
    let mut shown = 0;
    loop {
        let status = session.wired.engine.status().await?;
        let Some(job) = status.backfills.into_iter().find(|job| job.span == options.id) else {
            return Err(Error::new(Kind::Conflict, "the backfill is gone").with("span", &options.id).into());
        };
        let observer = &stores.observer;
        if shown == 0 && job.calls_expected > 0 {
            observer.notice(Event::Started { stream: StreamName::CALLS, expected: Some(job.calls_expected) });
        }
        observer.notice(Event::Fetched {
            stream: StreamName::CALLS,
            records: job.calls_listed.saturating_sub(shown),
        });
        shown = job.calls_listed;
        if job.done {
            session.bars.finish();
            return finished(args, &job);
        }
        let pause = async {
            tokio::time::sleep(FOLLOW_EVERY).await;
            Ok(())
        };
        if stores.stop.or(pause).await.is_err() {
            session.bars.finish();
            eprintln!("the service goes on with it; `clarion status` shows how far it is");
            return Ok(session.caught.exit_code().unwrap_or(ExitCode::SUCCESS));
        }
    }
}

fn finished(args: &Args, job: &BackfillStatus) -> Result<ExitCode> {
    if args.json {
        super::print_json(job)?;
    } else if !args.quiet {
        out!("backfill {} done: {} calls, {} requests", job.span, job.calls_listed, job.requests_spent);
    }
    Ok(ExitCode::SUCCESS)
}

/// The span that the flags name.
pub(crate) fn span(from: &str, to: Option<&str>, now: Timestamp) -> Result<BackfillOptions> {
    BackfillOptions::parse(from, to, now).map_err(|wrong| {
        let error = Error::new(Kind::Config, "neither a date nor an age").with("value", wrong);
        let examples = "write a date (2024-01-31), a time (2024-01-31T12:00:00Z) or an age (730d)";
        anyhow::Error::new(error.hint(examples))
    })
}
