//! `clarion backfill`

use std::process::ExitCode;

use anyhow::Result;
use clarion_core::{Error, Kind, Timestamp};
use clarion_pipeline::BackfillOptions;

use super::{Online, sync};
use crate::args::Args;
use crate::output;

pub(crate) async fn run(args: &Args, from: &str, to: Option<&str>) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::Yes).await?;
    let engine = &session.wired.engine;
    let options = span(from, to, engine.stores.clock.now())?;
    let writer = session.wired.writer("backfill").await?;
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

/// The span that the flags name.
pub(crate) fn span(from: &str, to: Option<&str>, now: Timestamp) -> Result<BackfillOptions> {
    BackfillOptions::parse(from, to, now).map_err(|wrong| {
        let error = Error::new(Kind::Config, "neither a date nor an age").with("value", wrong);
        let examples = "write a date (2024-01-31), a time (2024-01-31T12:00:00Z) or an age (730d)";
        anyhow::Error::new(error.hint(examples))
    })
}
