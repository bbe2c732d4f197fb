//! The service's face to others: health, metrics and the hook over HTTP, alerts out.
//!
//! Invariant: nothing here knows an engine or a store. What is asked goes through [`Desk`], what happens comes in as
//! events; alerts go to the addresses of the configuration and never to the vendor.

mod alerts;
mod desk;
mod health;
mod hook;
mod http;
mod metrics;
mod settings;

pub use alerts::{Alerts, CheckedAlerts};
pub use desk::Desk;
pub use health::Health;
pub use hook::HookSecret;
pub use http::{Server, Token};
pub use metrics::Metrics;
pub use settings::{AlertFormat, AlertKind, AlertSettings, ServerSettings};
