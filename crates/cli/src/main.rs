//! The binary `clarion`.

use std::process::ExitCode;

fn main() -> ExitCode {
    clarion_cli::main()
}
