//! Paging as state machines without I/O: what to ask next, given what was answered.
//!
//! Only the sort key's bound moves; `skip` is used where no bound can move. A page got by `skip` overlaps the one
//! before by a row, and where that row is not found, something shifted and the walk starts over.

mod checks;
mod pass;
mod query;
mod tail;

pub(crate) use self::pass::{Next, Pass};
pub(crate) use self::query::{Filters, MAX_LIMIT, MAX_SKIP, TICK, floor};
pub(crate) use self::tail::Tail;
