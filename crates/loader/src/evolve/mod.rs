//! How schemas grow: the type lattice, and batches brought to a wider schema.
//!
//! Invariant: a wider type holds every value of a narrower one in one canonical form, so that a table looks the same
//! whatever the order in which its records came.

mod conform;
mod lattice;

pub use conform::conform;
pub use lattice::{describe_changes, merge, merge_types};

pub(crate) use lattice::{MAX_FIELDS, SYSTEM_COLUMNS, column_order};
