//! `clarion status`

use std::process::ExitCode;

use anyhow::Result;

use super::Online;
use crate::args::Args;
use crate::output;

pub(crate) async fn run(args: &Args, rejected: bool) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::No).await?;
    if rejected {
        let rejected = session.wired.engine.rejected().await?;
        if args.json {
            super::print_json(&serde_json::json!({ "rejected": rejected }))?;
        } else {
            output::rejected(&rejected);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let status = session.wired.engine.status().await?;
    if args.json {
        super::print_json(&status)?;
    } else {
        output::status(&status);
    }
    Ok(ExitCode::SUCCESS)
}
