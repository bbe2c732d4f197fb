//! `clarion schema`

use std::process::ExitCode;

use anyhow::Result;

use super::Online;
use crate::args::{Args, SchemaCommand};
use crate::output;

pub(crate) async fn run(args: &Args, command: &SchemaCommand) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::No).await?;
    let engine = &session.wired.engine;
    let failed = match command {
        SchemaCommand::Show { destination } => {
            let report = engine.schema(destination.as_deref()).await?;
            if args.json {
                super::print_json(&report)?;
            } else {
                output::schema(&report);
            }
            report.destinations.values().any(|one| one.error.is_some())
        }
        SchemaCommand::History { destination } => {
            let report = engine.schema_history(destination.as_deref()).await?;
            if args.json {
                super::print_json(&report)?;
            } else {
                output::schema_history(&report);
            }
            report.destinations.values().any(|one| one.error.is_some())
        }
    };
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
