//! The journal over years: which one it is, compacting it, and removing a call for good.

mod compact;
mod identity;
mod purge;
