//! Conformance suites of the ports and doubles in memory, for the tests of every implementation.

pub mod destination;
pub mod inbox;
pub mod journal;
pub mod lease;
pub mod ledger;
pub mod rows;
pub mod state;
