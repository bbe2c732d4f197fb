//! What the server asks of the service behind it.

use async_trait::async_trait;
use clarion_core::{RecordKey, Result, Taken};

/// Answers for the service. Each answer is given beside whatever run is under way.
#[async_trait]
pub trait Desk: Send + Sync {
    /// Why the service is not ready, each in a few words; empty if it is.
    async fn unready(&self) -> Vec<String>;

    /// The metrics of this moment in Prometheus' text format.
    async fn metrics(&self) -> Result<String>;

    /// Takes a notification that was proved genuine; durable when this returns `New`.
    async fn take(&self, id: &str, call: RecordKey) -> Result<Taken>;
}
