//! HTTP → records: the vendor's API as a [`clarion_core::Source`].
//!
//! Every request passes one gate (ledger, then pace, then pause), goes through one client and is repeated in one
//! place. Listings page by the call's time and prove themselves; see [`ClariSource`].
//!
//! Invariant: nothing outside `client.rs` opens a connection, and nothing outside `exchange.rs` sends.

mod classify;
mod client;
mod declared;
mod exchange;
mod gate;
mod jsonpath;
mod listing;
mod paging;
mod records;
mod retry;
mod settings;
mod source;
mod streams;
mod transport;
mod usage;

pub use declared::{Sample, Suggestions, check};
pub use settings::{Credentials, SourceSettings};
pub use source::ClariSource;
pub use transport::{Answer, Ask, Fault, Place, Transport};
