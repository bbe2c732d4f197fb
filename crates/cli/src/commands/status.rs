//! `clarion status`

use std::process::ExitCode;

use anyhow::Result;

use super::Online;
use crate::args::Args;
use crate::output;

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::No).await?;
    let status = session.wired.engine.status().await?;
    if args.json {
        super::print_json(&status)?;
    } else {
        output::status(&status);
    }
    Ok(ExitCode::SUCCESS)
}
