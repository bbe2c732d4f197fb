//! `clarion backfill`

use std::process::ExitCode;

use anyhow::Result;
use clarion_core::{Error, Kind, RunReport, Timestamp};
use clarion_pipeline::{BackfillOptions, Writer};

use super::follow::{Followed, follow};
use super::{Online, Session, sync};
use crate::args::Args;
use crate::{exit, output};

pub(crate) async fn run(args: &Args, from: &str, to: Option<&str>) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::Yes).await?;
    let options = span(from, to, session.wired.engine.stores.clock.now())?;
    match session.wired.writer("backfill").await {
        Ok(writer) => carry_out(args, &session, &writer, &options).await,
        Err(refused) if is_the_service(&refused) => match follow(&session, &options).await? {
            Followed::Ended(report) => {
                show(args, &report)?;
                Ok(ExitCode::SUCCESS)
            }
            Followed::Paused(report) => {
                show(args, &report)?;
                Ok(ExitCode::from(exit::PAUSED))
            }
            Followed::Left => Ok(session.caught.exit_code().unwrap_or(ExitCode::SUCCESS)),
            Followed::Ours(writer) => carry_out(args, &session, &writer, &options).await,
        },
        Err(refused) => Err(refused.into()),
    }
}

async fn carry_out(
    args: &Args,
    session: &Session,
    writer: &Writer,
    options: &BackfillOptions,
) -> Result<ExitCode> {
    let end = session.wired.engine.backfill(writer, options).await;
    session.bars.finish();
    let end = end?;
    show(args, &end.report)?;
    Ok(sync::finish(session, &end))
}

fn show(args: &Args, report: &RunReport) -> Result<()> {
    if args.json {
        return super::print_json(report);
    }
    output::run_report(report, args.quiet);
    Ok(())
}

/// On one machine the lock names the command, from another one Postgres names the whole holder.
fn is_the_service(refused: &Error) -> bool {
    let names = |(name, value): &(&str, String)| {
        *name == "command" && value == "run" || *name == "holder" && value.ends_with(": run")
    };
    refused.context().iter().any(names)
}

/// The span that the flags name.
pub(crate) fn span(from: &str, to: Option<&str>, now: Timestamp) -> Result<BackfillOptions> {
    let options = BackfillOptions::parse(from, to, now).map_err(|wrong| {
        let error = Error::new(Kind::Config, "neither a date nor an age").with("value", wrong);
        let examples = "write a date (2024-01-31), a time (2024-01-31T12:00:00Z) or an age (730d)";
        anyhow::Error::new(error.hint(examples))
    })?;
    options.check(now)?;
    Ok(options)
}
