//! The command line: arguments → settings → wiring → commands.
//!
//! Invariant: this is the only crate that prints, and the only one that knows every other.

/// Prints a line of the answer. A reader that went away, as `| head` does, is no failure of the command.
macro_rules! out {
    ($($line:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($line)*);
    }};
}

mod args;
mod commands;
mod desk;
mod exit;
mod logging;
mod offline;
mod output;
mod settings;
mod signals;
mod wiring;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::Args;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    clarion_core::fault::setup();
    let args = Args::parse();
    logging::start(&args);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&anyhow::Error::new(error).context("cannot start"), false),
    };
    let ended = runtime.block_on(commands::run(&args));
    // Work that was abandoned on a stop must not keep the process alive.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => exit::report(&error, args.json),
    }
}
