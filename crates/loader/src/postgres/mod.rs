//! Tables in a PostgreSQL schema.
//!
//! A load is one transaction on a connection of its own: rows, schema changes, the load's statistics and, last, the
//! position. Records go by binary COPY into a staging table and are merged by key; children of the records that the
//! merge accepted are deleted and copied straight in. A table that is empty when the load first touches it skips all
//! that: its rows are copied straight in, and a table that the load created gets its primary key at the end.
//!
//! Invariant: every statement that is put together at run time is made in `sql/`, where [`sql::Ident`] quotes.
//! Invariant: a load that returned an error once can no longer be committed.

mod audit;
mod begin;
mod catalog;
mod children;
mod columns;
mod commit;
mod destination;
mod encode;
mod errors;
mod evolution;
mod fence;
mod history;
mod json;
mod load;
mod purge;
mod records;
mod reshape;
mod session;
mod settings;
mod sql;
mod tombstones;
mod widen;

pub use destination::PostgresDestination;
pub use settings::{Deletes, PostgresSettings};
