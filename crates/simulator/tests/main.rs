//! The simulator over the wire: against the contract, and against what tests of the product rely on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it is")]

mod answers;
mod client;
mod edits;
mod faults;
mod generated;
mod limits;
mod listing;
mod outside;
mod parameters;
mod schema;
