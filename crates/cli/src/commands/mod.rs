//! One file a command: settings in, an exit code out.

mod backfill;
mod check;
mod completions;
mod config;
mod demo;
mod follow;
mod init;
mod journal;
mod load;
mod plan;
mod purge;
mod run;
mod sample;
mod schema;
mod simulator;
mod status;
mod streams;
mod sync;
mod verify;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Result;
use clarion_core::{Error, Observer, Stop};
use clarion_extractor::Credentials;
use clarion_pipeline::{LoadOptions, SyncOptions};

use crate::args::{Args, Command};
use crate::output::Bars;
use crate::settings::{self, Effective};
use crate::signals::{self, Farewell};
use crate::wiring::{self, Wired};

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    match &args.command {
        Command::Demo => demo::run(args).await,
        Command::Init { force } => init::run(args, *force).await,
        Command::Check => check::run(args).await,
        Command::Streams => streams::run(args).await,
        Command::Plan { from, to, streams } => plan::run(args, from.as_deref(), to.as_deref(), streams).await,
        Command::Backfill { from, to } => backfill::run(args, from, to.as_deref()).await,
        Command::Sync { streams, full, accept_deletes, accept_hash_key } => {
            let options = SyncOptions {
                full: *full,
                accept_deletes: *accept_deletes,
                accept_hash_key: *accept_hash_key,
                ..SyncOptions::default()
            };
            sync::run(args, streams, options).await
        }
        Command::Run => run::run(args).await,
        Command::Load { destination, rejected } => {
            let options =
                LoadOptions { destination: destination.clone(), rejected: *rejected, replace: false };
            load::run(args, &options).await
        }
        Command::Replay { destination } => {
            let options =
                LoadOptions { destination: Some(destination.clone()), rejected: false, replace: true };
            load::run(args, &options).await
        }
        Command::Status { rejected } => status::run(args, *rejected).await,
        Command::Journal { command } => journal::run(args, *command).await,
        Command::Schema { command } => schema::run(args, command).await,
        Command::Purge { call } => purge::run(args, call).await,
        Command::Sample(options) => sample::run(args, options).await,
        Command::Verify { sample } => verify::run(args, *sample).await,
        Command::Config { show } => config::run(args, *show),
        Command::Completions { shell } => completions::run(*shell),
        Command::Simulator(options) => simulator::run(options).await,
    }
}

/// Whether a command talks to the vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Online {
    Yes,
    /// No credentials are needed, and any request is refused.
    No,
}

/// What a command that writes works with.
struct Session {
    wired: Wired,
    caught: signals::Caught,
    bars: Arc<Bars>,
}

impl Session {
    /// How a command ends that could not finish: by a signal if one came, else by what went wrong.
    async fn broken_off(&self, error: Error) -> Result<ExitCode> {
        // Requests that were reserved and not made are given back.
        self.wired.engine.source.settle().await?;
        self.caught.exit_code().map_or_else(|| Err(error.into()), Ok)
    }
}

/// Reads the configuration.
fn effective(args: &Args) -> Result<Effective> {
    Ok(settings::load(&args.config, args.data_dir.as_deref())?.effective)
}

/// Wires an engine that shows its progress and can be stopped.
async fn session(args: &Args, effective: &Effective, online: Online) -> Result<Session> {
    let online = match online {
        Online::No => None,
        Online::Yes => Some(settings::credentials(&effective.settings.source, &effective.data_dir)?),
    };
    session_with(args, effective, online).await
}

/// The same with the credentials in hand; without any the engine makes no requests.
async fn session_with(args: &Args, effective: &Effective, online: Option<Credentials>) -> Result<Session> {
    let stop = Stop::new();
    let caught = signals::listen(stop.clone(), Farewell::Signal)?;
    let bars = Arc::new(Bars::new(!args.quiet && !args.json, effective.settings.source.weekly_requests));
    let observer: Arc<dyn Observer> = bars.clone();
    let wired = wiring::wire(effective, online, observer, stop).await?;
    Ok(Session { wired, caught, bars })
}

/// Prints one JSON document.
fn print_json(document: &impl serde::Serialize) -> Result<()> {
    out!("{}", serde_json::to_string_pretty(document)?);
    Ok(())
}
