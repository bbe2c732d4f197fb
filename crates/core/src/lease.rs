//! One writer: whoever changes journal, state or destinations holds the lease.

use async_trait::async_trait;

use crate::Result;

/// A token that grows with every holder of the lease; destinations and state store refuse a lower one.
pub type Fence = u64;

#[async_trait]
pub trait Lease: Send + Sync {
    /// Takes the lease for as long as the guard lives.
    ///
    /// # Behavior
    /// - Refused with `Conflict`, naming the holder, while somebody else has it.
    /// - Vanishes with its holder's process: a restart after a crash is never refused.
    /// - The guard's fence is higher than every fence handed out before, also if the state store was lost.
    async fn take(&self, command: &str) -> Result<Box<dyn LeaseGuard>>;
}

/// The lease, held.
pub trait LeaseGuard: Send + Sync {
    fn fence(&self) -> Fence;
}
