//! Tables as Parquet files in a folder or a bucket.
//!
//! `<root>/<table>/call_month=YYYY-MM/data-<n>.parquet`, or `<root>/<table>/data-<n>.parquet` for tables without a
//! time. Everything of ours is in `<root>/_clarion`: the manifest, the key files, the staging folder and the lock.
//!
//! A load writes new files into the staging folder. Its commit makes them durable, then replaces the manifest by one
//! that has the new position, the new list of files and the operations that are still to be done, then does them.
//! Whoever opens the lake after a crash does the rest.
//!
//! In a bucket the names are the same. Staged files lie on the own disk until the commit, which puts them into the
//! staging folder and copies them from there; [`place`] says why that is safe without rename and lock.
//!
//! Invariant: at every instant a glob over a table's folder shows each record at most once, and no half file; after
//! a commit, and after recovery, exactly once.
//!
//! Invariant: after a commit all files of a table have one schema, and the rows of each are in order of time.

mod audit;
mod columns;
mod commit;
mod compact;
mod destination;
mod edit;
mod fence;
mod keys;
mod load;
mod manifest;
mod merge;
mod metadata;
mod month;
mod place;
mod plan;
mod purge;
mod reader;
mod recover;
mod settle;
mod store;
mod table;
mod tail;
mod writer;

pub use destination::ParquetDestination;
