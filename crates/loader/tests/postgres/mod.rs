//! The PostgreSQL destination, against a real server: see `database.rs` for where it comes from.

mod conformance;
mod database;
mod evolution;
mod hands;
mod keys;
#[cfg(feature = "failpoints")]
mod kills;
mod merging;
mod readers;
mod servers;
mod types;
mod widening;

pub(crate) use database::Database;
