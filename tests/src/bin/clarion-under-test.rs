//! The binary `clarion` with its fail points compiled in.

use std::process::ExitCode;

fn main() -> ExitCode {
    clarion_cli::main()
}
