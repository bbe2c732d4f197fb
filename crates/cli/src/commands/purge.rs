//! `clarion purge`

use std::process::ExitCode;

use anyhow::Result;
use clarion_core::{Error, RecordKey};

use super::Online;
use crate::args::Args;
use crate::{exit, output};

/// Removes a call everywhere. Nothing that is printed names it: output may be kept.
pub(crate) async fn run(args: &Args, call: &str) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let call = RecordKey::parse(call).map_err(|error| {
        Error::new(clarion_core::Kind::Config, "--call needs the id of a call").source(error)
    })?;
    let session = super::session(args, &effective, Online::No).await?;
    let writer = session.wired.writer("purge").await?;
    let done = session.wired.engine.purge(&writer, &call).await?;
    if args.json {
        let errors: Vec<String> = done.errors.iter().map(Error::chain).collect();
        super::print_json(&serde_json::json!({
            "run_id": writer.run, "kind": "purge", "journal": done.journal,
            "destinations": done.destinations, "errors": errors,
        }))?;
    } else if !args.quiet {
        output::purged(&done);
    }
    for error in &done.errors {
        exit::print(&error.chain(), error.way_out());
    }
    if done.errors.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    exit::print(
        "the call is not removed everywhere",
        Some("repair what failed and run the same command again"),
    );
    Ok(ExitCode::FAILURE)
}
