//! The journal's tests, in one binary.
#![expect(clippy::unwrap_used, reason = "tests")]

mod buckets;
mod conformance;
mod damage;
mod fixture;
mod killed;
#[cfg(feature = "failpoints")]
mod points;
mod verbatim;
