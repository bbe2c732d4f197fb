//! `clarion demo`: the main job on made-up conversations, with nothing but this binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use chrono::{DateTime, Duration, Utc};
use clarion_core::{Clock as _, SystemClock};
use clarion_extractor::Credentials;
use clarion_pipeline::SyncOptions;
use clarion_simulator::{Edit, Options, Simulator};

use crate::args::Args;
use crate::output;
use crate::settings::{Effective, Settings};

/// Enough to look at, and done in a second or two.
const CALLS: usize = 250;
/// Next to the data: when the demo's workspace was made, and how often it was synced.
const MEMORY: &str = "demo.json";

pub(crate) async fn run(args: &Args) -> Result<ExitCode> {
    let folder = args.data_dir.clone().unwrap_or_else(|| PathBuf::from("clarion-demo"));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let memory = Memory::load(&folder)?;
    let simulator = start(&memory).await?;
    let effective = settings(&folder, simulator.url());
    if !args.json && !args.quiet {
        eprintln!("simulating Clari Copilot at {} with {CALLS} calls", simulator.url());
    }
    let session = super::session_with(args, &effective, Some(Credentials::new("demo", "demo"))).await?;
    let end = super::sync::sync(&session, &SyncOptions::default()).await?;
    simulator.stop().await;
    memory.save_next(&folder)?;
    if args.json {
        super::print_json(&end.report)?;
    } else {
        output::run_report(&end.report, args.quiet);
        next_steps(&folder, memory.syncs);
    }
    Ok(super::sync::finish(&session, &end))
}

/// The same workspace at every run, but for one more recent call whose title somebody edited.
async fn start(memory: &Memory) -> Result<Simulator> {
    let options = Options {
        calls: CALLS,
        turns: 60,
        as_of: Some(memory.as_of),
        rate: 0,
        weekly_quota: 0,
        ..Options::default()
    };
    let simulator = Simulator::start(options).await?;
    let control = simulator.control();
    let mut calls = control.truth();
    calls.retain(|call| call["status"] == "POST_PROCESSING_DONE");
    calls.sort_by_key(|call| std::cmp::Reverse(call["time"].as_str().map(str::to_owned)));
    for (sync, call) in (1..=memory.syncs).zip(&calls) {
        let Some(id) = call["id"].as_str().map(str::to_owned) else { continue };
        let title = format!("Follow-up {sync}: edited after the call");
        control.edit(Edit::Patch { id, merge: serde_json::json!({ "title": title }) });
    }
    Ok(simulator)
}

fn settings(folder: &Path, url: String) -> Effective {
    let mut settings = Settings::default();
    settings.source.base_url = url;
    settings.source.requests_per_second = 0.0;
    settings.source.weekly_requests = 0;
    settings.source.history_start = "800d".to_owned();
    Effective { settings, data_dir: folder.to_path_buf() }
}

fn next_steps(folder: &Path, syncs: u32) {
    let lake = folder.join("data/lake");
    out!();
    if syncs == 0 {
        out!("Run `clarion demo` again: it syncs only what changed.");
    } else {
        out!("Only what changed since the last run was fetched and written.");
    }
    out!("Look at it with any Parquet reader, for instance:");
    out!(
        "  duckdb -c \"SELECT speaker_name, count(*) AS turns FROM read_parquet('{}/transcript_turns/**/*.parquet') GROUP BY 1 ORDER BY 2 DESC LIMIT 10\"",
        lake.display()
    );
    out!("Then for real: `clarion init`, `clarion check`, `clarion sync`.");
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Memory {
    as_of: DateTime<Utc>,
    syncs: u32,
}

impl Memory {
    fn load(folder: &Path) -> Result<Self> {
        match fs::read_to_string(folder.join(MEMORY)) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{MEMORY} is damaged: remove {}", folder.display())),
            // A day old, so that nothing lies in the future.
            Err(_) => Ok(Self { as_of: SystemClock.now() - Duration::days(1), syncs: 0 }),
        }
    }

    fn save_next(&self, folder: &Path) -> Result<()> {
        let next = Self { as_of: self.as_of, syncs: self.syncs + 1 };
        Ok(fs::write(folder.join(MEMORY), serde_json::to_string(&next)?)?)
    }
}
