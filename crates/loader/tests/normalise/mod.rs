//! The normaliser, against real and against hostile records.

mod contract;
mod hazards;
mod order;
mod readback;
mod real;
