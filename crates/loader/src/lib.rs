//! Journal records in, tables out: the normaliser, and the destinations that take its change sets.
//!
//! Invariant: the normaliser and the type lattice are pure and synchronous; all I/O is in the folders of
//! the destinations.

mod canonical;
mod evolve;
mod normalise;
mod parquet;
mod postgres;

pub use evolve::{conform, describe_changes, merge, merge_types};
pub use normalise::{Normaliser, StreamContracts, StreamKeys};
pub use parquet::ParquetDestination;
pub use postgres::{Deletes, PostgresDestination, PostgresSettings};
