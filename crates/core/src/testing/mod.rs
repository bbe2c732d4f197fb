//! Conformance suites of the ports and doubles in memory, for the tests of every implementation.

pub mod destination;
pub mod journal;
pub mod rows;
