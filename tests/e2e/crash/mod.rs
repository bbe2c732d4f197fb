//! The process killed at each step between response, journal, state and destinations, and started again.
//!
//! Every scenario also runs with a planted defect that it must catch, and a fail point that never fired fails the test.

mod deletions;
mod first_sync;
pub(crate) mod kill;
mod later_sync;
mod planted;
mod power_cut;
mod rebuild;
