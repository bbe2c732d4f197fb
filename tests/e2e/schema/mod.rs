//! Tables that change their shape: under which contract, in which order, told by which command, and seen by whom.

mod commands;
mod contracts;
mod dashboard;
