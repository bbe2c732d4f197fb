//! `clarion completions SHELL`

use std::io::stdout;
use std::process::ExitCode;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::args::Args;

pub(crate) fn run(shell: clap_complete::Shell) -> Result<ExitCode> {
    clap_complete::generate(shell, &mut Args::command(), "clarion", &mut stdout());
    Ok(ExitCode::SUCCESS)
}
