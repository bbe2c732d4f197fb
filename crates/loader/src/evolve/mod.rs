//! How schemas grow: the type lattice, and batches brought to a wider schema.
//!
//! Invariant: a wider type holds every value of a narrower one in one canonical form, so that a table looks the same
//! whatever the order in which its records came.

mod changes;
mod conform;
mod lattice;

pub use changes::describe_changes;
pub use conform::conform;
pub use lattice::{merge, merge_types};

pub(crate) use changes::schema_changes;
pub(crate) use lattice::{MAX_FIELDS, SYSTEM_COLUMNS, check_fields, check_key, column_order};
