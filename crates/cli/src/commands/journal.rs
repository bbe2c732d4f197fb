//! `clarion journal`

use std::process::ExitCode;

use anyhow::Result;

use super::Online;
use crate::args::{Args, JournalCommand};
use crate::output;

pub(crate) async fn run(args: &Args, command: JournalCommand) -> Result<ExitCode> {
    match command {
        JournalCommand::Show => show(args).await,
        JournalCommand::Compact => compact(args).await,
    }
}

async fn show(args: &Args) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::No).await?;
    let report = session.wired.engine.journal_report().await?;
    if args.json {
        super::print_json(&report)?;
    } else {
        output::journal(&report);
    }
    Ok(ExitCode::SUCCESS)
}

async fn compact(args: &Args) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::No).await?;
    let writer = session.wired.writer("journal compact").await?;
    let engine = &session.wired.engine;
    // A segment in hand is finished: the request to stop is looked at between two.
    let done = match engine.compact(&writer).await {
        Ok(done) => done,
        Err(error) => return session.broken_off(error).await,
    };
    if args.json {
        super::print_json(&done)?;
    } else if !args.quiet {
        output::compacted(&done);
    }
    Ok(ExitCode::SUCCESS)
}
