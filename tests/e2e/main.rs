//! End to end: the binary against the simulator, read back by others.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests: they fail by panicking, and read the environment that ./test sets"
)]

mod audit;
mod backfill;
mod bad_input;
mod commands;
mod crash;
mod custom;
mod declared;
mod deletes;
mod faults;
mod generation;
mod harness;
mod hazards;
mod incremental;
mod journal;
mod object_storage;
mod paging;
mod privacy;
mod quota;
mod real_data;
mod rejected;
mod replay;
mod sample;
mod schema;
mod service;
mod signals;
mod verify;
mod zombie;
