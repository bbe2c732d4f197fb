//! `clarion simulator`

use std::process::ExitCode;

use anyhow::Result;
use clarion_simulator::Options;

use crate::args::SimulatorArgs;

pub(crate) async fn run(args: &SimulatorArgs) -> Result<ExitCode> {
    let options = Options {
        port: args.port,
        data: args.data.clone(),
        calls: args.calls,
        turns: args.turns,
        seed: args.seed,
        rate: args.rate,
        weekly_quota: args.weekly_quota,
        faults: args.faults.clone(),
        gzip: args.gzip,
        ..Options::default()
    };
    let (key, password) = (options.api_key.clone(), options.api_password.clone());
    clarion_simulator::run(options, |url| {
        out!("{url}");
        eprintln!("serving the vendor's API; X-Api-Key: {key}, X-Api-Password: {password}; Ctrl-C ends it");
        eprintln!("  log, counts, truth and edits: {url}/_control/");
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}
