//! `clarion plan`

use std::process::ExitCode;

use anyhow::Result;
use clarion_pipeline::PlanOptions;

use super::{Online, backfill, sync};
use crate::args::Args;
use crate::output;

pub(crate) async fn run(
    args: &Args,
    from: Option<&str>,
    to: Option<&str>,
    streams: &[String],
) -> Result<ExitCode> {
    let effective = super::effective(args)?;
    let session = super::session(args, &effective, Online::Yes).await?;
    let engine = &session.wired.engine;
    let now = engine.stores.clock.now();
    let options = PlanOptions {
        backfill: from.map(|from| backfill::span(from, to, now)).transpose()?,
        streams: sync::parse(streams, &effective.settings.streams.names())?,
    };
    let plan = match engine.stores.stop.or(engine.plan(&options)).await {
        Ok(plan) => plan,
        Err(error) => return session.broken_off(error).await,
    };
    if args.json {
        super::print_json(&plan)?;
    } else {
        output::plan(&plan);
    }
    Ok(ExitCode::SUCCESS)
}
