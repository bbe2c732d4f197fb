//! The Parquet destination: the port's suite, what readers see at each instant, kills, and what stays untouched.

#![expect(clippy::unwrap_used, reason = "tests")]

mod buckets;
mod conformance;
mod crash;
mod files;
mod lake;
mod property;
mod purge;
mod rewrites;

pub(crate) use lake::Lake;
