//! `clarion sync`

use std::process::ExitCode;

use anyhow::Result;
use clarion_core::{Error, Kind, StreamName};
use clarion_pipeline::{RunEnd, SyncOptions};

use super::{Online, Session};
use crate::args::Args;
use crate::{exit, output};

pub(crate) async fn run(args: &Args, streams: &[String], options: SyncOptions) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let streams = parse(streams, &effective.settings.streams.names())?;
    let options = SyncOptions { streams, ..options };
    let session = super::session(args, &effective, Online::Yes).await?;
    let end = sync(&session, &options).await?;
    if args.json {
        super::print_json(&end.report)?;
    } else {
        output::run_report(&end.report, args.quiet);
    }
    Ok(finish(&session, &end))
}

/// One run under the lease.
pub(crate) async fn sync(session: &Session, options: &SyncOptions) -> Result<RunEnd> {
    let writer = session.wired.writer("sync").await?;
    let end = session.wired.engine.sync(&writer, options).await;
    session.bars.finish();
    Ok(end?)
}

/// Prints what failed and gives the exit code.
pub(crate) fn finish(session: &Session, end: &RunEnd) -> ExitCode {
    for error in end.errors.iter().filter(|error| error.kind() != Kind::Interrupted) {
        exit::print(&error.chain(), error.way_out());
    }
    session.caught.exit_code().unwrap_or_else(|| exit::of_run(end.report.outcome, &end.errors))
}

pub(crate) fn parse(streams: &[String], known: &[StreamName]) -> Result<Vec<StreamName>> {
    let parse = |name: &String| {
        known.iter().find(|stream| stream.as_str() == name).cloned().ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(StreamName::as_str).collect();
            let error = Error::new(Kind::Config, "no such stream").with("name", name);
            anyhow::Error::new(error.hint(format!("the streams are {}", names.join(", "))))
        })
    };
    streams.iter().map(parse).collect()
}
