//! The extractor against a scripted vendor, and against the simulator.
#![expect(clippy::unwrap_used, reason = "tests")]

mod declared;
mod errors;
mod gate;
mod paging;
mod property;
mod simulator;
mod support;
