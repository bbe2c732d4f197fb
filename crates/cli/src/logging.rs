//! Logs go to stderr; stdout belongs to the answer.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

use crate::args::{Args, Command, LogFormat};

pub(crate) fn start(args: &Args) {
    // Nobody looks at a service while it works: what it did must be in its log.
    let verbose = args.verbose + u8::from(matches!(args.command, Command::Run));
    let level = match (args.quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    // Other crates' chatter is of no use to anybody below debug.
    let filter = EnvFilter::try_new(format!("{level},hyper=warn,reqwest=warn,sqlx=warn,rustls=warn"));
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_default())
        .with_writer(stderr)
        .with_ansi(stderr().is_terminal())
        .with_target(false);
    match args.log_format {
        LogFormat::Text => logs.compact().init(),
        LogFormat::Json => logs.json().init(),
    }
}
