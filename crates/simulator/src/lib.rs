//! The vendor's API, faithfully, quirks and faults included.
//!
//! A [`Simulator`] serves real or generated calls on loopback. It answers as the contract and the field
//! reports say, refuses what they refuse, fails on demand, and lets a test edit the workspace while it is
//! being read. It depends on no other crate of the workspace and shares no type with the product: a wrong
//! field name cannot be wrong on both sides and pass.

mod answer;
mod book;
mod call;
mod collections;
mod control;
mod control_http;
mod data;
mod edit;
mod endpoints;
mod error;
mod faults;
mod gate;
mod generate;
mod index;
mod limits;
mod log;
mod options;
mod overlay;
mod params;
mod server;
mod state;

pub use control::Control;
pub use edit::Edit;
pub use error::Error;
pub use log::RequestLog;
pub use options::{Options, Quirks};
pub use server::{Simulator, run};
