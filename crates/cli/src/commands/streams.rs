//! `clarion streams`

use std::process::ExitCode;

use anyhow::Result;

use super::Online;
use crate::args::Args;
use crate::output;

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::No).await?;
    let streams = session.wired.engine.stream_status().await?;
    if args.json {
        super::print_json(&streams)?;
    } else {
        output::streams(&streams);
    }
    Ok(ExitCode::SUCCESS)
}
