//! `clarion load` and `clarion replay`: destinations from the journal, without a request.

use std::process::ExitCode;

use anyhow::Result;
use clarion_core::Error;
use clarion_pipeline::LoadOptions;

use super::Online;
use crate::args::Args;
use crate::{exit, output};

pub(crate) async fn run(args: &Args, options: &LoadOptions) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::No).await?;
    let command = if options.replace { "replay" } else { "load" };
    let writer = session.wired.writer(command).await?;
    let engine = &session.wired.engine;
    let loaded = engine.stores.stop.or(engine.load(&writer, options)).await;
    session.bars.finish();
    let outcome = match loaded {
        Ok(outcome) => outcome,
        Err(error) => return session.broken_off(error).await,
    };
    if args.json {
        let errors: Vec<String> = outcome.errors.iter().map(Error::chain).collect();
        super::print_json(&serde_json::json!({
            "run_id": writer.run, "kind": command, "destinations": outcome.reports,
            "retried": outcome.retried, "warnings": outcome.schema_changes, "errors": errors,
        }))?;
    } else {
        output::destinations(&outcome.reports, args.quiet);
        if options.rejected && !args.quiet {
            output::retried(&outcome);
        }
    }
    for error in &outcome.errors {
        exit::print(&error.chain(), error.way_out());
    }
    Ok(if outcome.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::worst(&outcome.errors))
    })
}
