//! The binary `clarion`.

use std::process::ExitCode;

/// A load allocates and frees hundreds of megabytes in pieces on several threads; with the system's allocator the
/// process keeps about twice as much of it. How it is set up is in `.cargo/config.toml`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    clarion_cli::main()
}
