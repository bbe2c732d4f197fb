//! The state store on SQLite and on Postgres: the conformance suites, concurrency, and what a user meets when it breaks.
#![expect(clippy::unwrap_used, reason = "tests")]

mod concurrency;
mod conformance;
mod failures;
mod lease;
mod place;
mod size;
