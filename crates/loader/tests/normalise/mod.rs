//! The normaliser, against real and against hostile records.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod contract;
mod contracts;
mod declared;
mod hazards;
mod order;
mod readback;
mod real;
mod wide;

pub(crate) use order::any_record;
pub(crate) use readback::{entry, loaded_at};
pub(crate) use wide::wide;
