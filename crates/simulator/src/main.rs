//! The simulator as a program of its own.

use std::net::IpAddr;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::Parser;
use clarion_simulator::{Options, run};

/// Serves the vendor's API for trying things out and for tests.
#[derive(Parser)]
#[command(name = "clarion-simulator", version)]
struct Arguments {
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Port to listen on, 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Folder of call data; without it, calls are generated
    #[arg(long)]
    data: Option<PathBuf>,
    /// Number of generated calls
    #[arg(long, default_value_t = 300)]
    calls: usize,
    /// Transcript turns of a generated call
    #[arg(long, default_value_t = 200)]
    turns: usize,
    /// Requests a second, 0 for no limit
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Requests a week, 0 for no limit
    #[arg(long, default_value_t = 100_000)]
    weekly_quota: u64,
    /// Faults, as "429:0.02,500@/call-details:0.1,reset#3"
    #[arg(long)]
    faults: Option<String>,
    /// Seed of generated calls and of faults
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// "Now" for generated calls, as 2026-11-13T16:20:00Z; the moment of the start without it
    #[arg(long)]
    as_of: Option<DateTime<Utc>>,
    /// Compress answers for clients that accept it
    #[arg(long)]
    gzip: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let options = Options {
        bind: arguments.bind,
        port: arguments.port,
        data: arguments.data,
        calls: arguments.calls,
        turns: arguments.turns,
        rate: arguments.rate,
        weekly_quota: arguments.weekly_quota,
        faults: arguments.faults,
        seed: arguments.seed,
        as_of: arguments.as_of,
        gzip: arguments.gzip,
        ..Options::default()
    };
    run(options, |url| println!("{url}")).await?;
    Ok(())
}
