//! Where clarion stands: cursors, slices, known records, the queue, runs, the quota ledger and the writer's lease.
//!
//! SQLite by default, Postgres by URL: one set of migrations, one implementation over sqlx's `Any` driver, one
//! conformance suite.
//!
//! Invariant: nothing here is the only copy of a fact, the ledger excepted: the rest is rebuilt from the journal.

mod backend;
mod backfills;
mod commit;
mod database;
mod facts;
mod failure;
mod inbox;
mod leads;
mod lease;
mod ledger;
mod lookup;
mod migrate;
mod purge;
mod queue;
mod rejected;
mod runs;
mod settings;
mod slices;
mod sql;
mod store;

pub use lease::StoreLease;
pub use settings::Settings;
pub use store::Store;
