//! The raw command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use clarion_pipeline::DEFAULT_SAMPLE;

/// Clari Copilot's conversations, complete and correct, in Parquet and Postgres.
#[derive(Debug, Parser)]
#[command(name = "clarion", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Configuration file; may be given several times, later ones win [default: clarion.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Vec<PathBuf>,
    /// Folder that relative paths of the configuration start from [default: the working folder]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// How logs on stderr look
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
    /// More logs (-v info, -vv debug); `run` begins with info
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// No progress, no warnings: only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// One JSON document on stdout, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  clarion demo                          see it work, with nothing else installed
  clarion init && clarion sync          real use: write clarion.toml, then fetch and load
  clarion sync --json | jq .requests    what the run cost
  clarion replay --destination lake     rebuild a destination without a single request

Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 paused for quota, 4 done with holes, 5 credentials refused";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the simulator, sync it into ./clarion-demo and show what came; needs nothing but this binary
    Demo,
    /// Ask for the credentials, check them, write clarion.toml
    Init {
        /// Overwrite an existing clarion.toml
        #[arg(long)]
        force: bool,
    },
    /// Check credentials, quota, state store, journal and destinations; costs one API request
    Check,
    /// Show the streams: mode, key, cursor, rows, last success
    Streams,
    /// One incremental run of the streams, then a load of every destination
    #[command(
        after_help = "Examples:\n  clarion sync\n  clarion sync --streams calls,users\n  clarion sync --full --json"
    )]
    Sync {
        /// Only these streams, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "A,B")]
        streams: Vec<String>,
        /// List all of history and fetch every call again
        #[arg(long)]
        full: bool,
        /// Mark as deleted whatever is gone at the vendor, also more than a fifth of a table within 7 days
        #[arg(long)]
        accept_deletes: bool,
        /// Go on with another key for hashing columns than before: nothing hashed with it joins with what is there
        #[arg(long, requires = "full")]
        accept_hash_key: bool,
    },
    /// Show what a sync, or with --from a backfill, would fetch and when it would end; at most one request a stream
    #[command(
        after_help = "Examples:\n  clarion plan\n  clarion plan --from 2023-01-01\n  clarion plan --from 730d --json"
    )]
    Plan {
        /// Of a backfill: a date, or an age such as 730d
        #[arg(long, value_name = "D")]
        from: Option<String>,
        /// Until this date or age [default: now]
        #[arg(long, value_name = "D", requires = "from")]
        to: Option<String>,
        /// Only these streams, separated by commas
        #[arg(long, value_delimiter = ',', value_name = "A,B")]
        streams: Vec<String>,
    },
    /// Load history, newest first, across weeks if the quota needs it; running it again resumes
    #[command(after_help = BACKFILL_EXAMPLES)]
    Backfill {
        /// The first day: a date, or an age such as 730d
        #[arg(long, value_name = "D")]
        from: String,
        /// Until this date or age [default: now]
        #[arg(long, value_name = "D")]
        to: Option<String>,
    },
    /// The service: syncs on the schedule, serves health, metrics and the hook until SIGINT or SIGTERM
    #[command(after_help = RUN_EXAMPLES)]
    Run,
    /// Bring destinations up to the journal; no API request
    Load {
        /// Only this one
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
        /// And load once more, from the journal, what was rejected
        #[arg(long)]
        rejected: bool,
    },
    /// Rebuild a destination from the journal; no API request
    Replay {
        #[arg(long, value_name = "NAME")]
        destination: String,
    },
    /// Show runs, cursors, backlog, quota, destinations' lag and rejected records
    Status {
        /// Only the rejected records, but all of them
        #[arg(long)]
        rejected: bool,
    },
    /// Show the tables and columns of the destinations, or how they came to be; no API request, runs beside a writer
    Schema {
        #[command(subcommand)]
        command: SchemaCommand,
    },
    /// Show the journal's segments, or compact it; no API request
    Journal {
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Remove a call for good from destinations, journal and state; asks nothing, no API request
    Purge {
        /// The call's id
        #[arg(long, value_name = "ID")]
        call: String,
    },
    /// Fetch one page of a stream and show it; nothing is stored but the request's place in the quota
    #[command(after_help = SAMPLE_EXAMPLES)]
    Sample(SampleArgs),
    /// Compare source, journal and destinations; exit code 0 only if they agree. Changes nothing, runs beside a writer
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify {
        /// Calls fetched from the vendor, and records of each stream compared field by field
        #[arg(long, default_value_t = DEFAULT_SAMPLE, value_name = "N")]
        sample: usize,
    },
    /// Show the effective configuration, or its JSON schema
    Config {
        #[command(subcommand)]
        show: ConfigCommand,
    },
    /// Print a shell completion script
    Completions { shell: clap_complete::Shell },
    /// Serve the vendor's API on loopback, for trying things and for tests
    #[command(after_help = SIMULATOR_EXAMPLES)]
    Simulator(SimulatorArgs),
}

const BACKFILL_EXAMPLES: &str = "\
Examples:
  clarion plan --from 2023-01-01        what it costs and when it ends
  clarion backfill --from 2023-01-01    exit code 3: the week's quota is spent, run it again to resume";

const RUN_EXAMPLES: &str = "\
Examples:
  clarion run
  CLARION__SCHEDULE__EVERY=1h clarion run --log-format json
  curl http://127.0.0.1:8090/metrics";

const SAMPLE_EXAMPLES: &str = "\
Examples:
  clarion sample teams                  what the endpoint sends, and the columns it would become
  clarion sample people --suggest       of a [[streams.custom]]: where records and metadata may be
  clarion sample crm_deals --parent 006A000001";

const VERIFY_EXAMPLES: &str = "\
Examples:
  clarion verify                        about 45 requests, and the lists that are read whole
  clarion verify --sample 500 --json    more records whole, all differences";

const SIMULATOR_EXAMPLES: &str = "\
Examples:
  clarion simulator --port 8080 --calls 500
  CLARI_API_KEY=demo CLARI_API_PASSWORD=demo CLARION__SOURCE__BASE_URL=http://127.0.0.1:8080 clarion sync";

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum SchemaCommand {
    /// Every table with its columns, their types, and the vendor's fields they come from
    Show {
        /// Only this one
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
    },
    /// What changed, when, and which record of which stream brought it
    History {
        /// Only this one
        #[arg(long, value_name = "NAME")]
        destination: Option<String>,
    },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum JournalCommand {
    /// Every segment with its records and sizes, totals by stream, and how far each destination has read
    Show,
    /// Drop the versions of records that a later one has replaced, where every destination has read past them
    Compact,
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key with its value and where it came from; secrets are masked
    Show,
    /// The JSON schema of the configuration
    Schema,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SampleArgs {
    /// A stream, built in or of `[[streams.custom]]`
    pub(crate) stream: String,
    /// Records to ask for and to show
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) limit: u32,
    /// Show where in the answer there may be records and metadata
    #[arg(long)]
    pub(crate) suggest: bool,
    /// What `{parent}` stands for [default: the first that is known, else the first that the vendor lists]
    #[arg(long, value_name = "ID")]
    pub(crate) parent: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct SimulatorArgs {
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    pub(crate) port: u16,
    /// Folder of call data in the vendor's JSON
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Calls to generate when there is no folder
    #[arg(long, default_value_t = 300, value_name = "N")]
    pub(crate) calls: usize,
    /// Transcript turns of a generated call
    #[arg(long, default_value_t = 200, value_name = "N")]
    pub(crate) turns: usize,
    /// Requests a second before it answers 429; 0 = unlimited
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(crate) rate: u32,
    /// Requests a week before it answers 429; 0 = unlimited
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    pub(crate) weekly_quota: u64,
    /// Faults to inject, for instance "429:0.02,500@/call-details:0.1,reset#3"
    #[arg(long, value_name = "SPEC")]
    pub(crate) faults: Option<String>,
    /// Seed of generated data and of faults
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub(crate) seed: u64,
    /// Compress answers for clients that accept it
    #[arg(long)]
    pub(crate) gzip: bool,
}
