//! The quota ledger's port: every request is reserved before it is made.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Recent, Result, StreamName, Timestamp};

#[async_trait]
pub trait Ledger: Send + Sync {
    /// Reserves requests of the week's quota and slots of the shared pace.
    ///
    /// # Behavior
    /// - What is granted counts as spent until it is settled; a process that dies leaves its grant counted.
    /// - Grants less than asked when less is left; `Quota` with the context `resumes_at` when nothing is.
    /// - For what is no forward sync, what the forward sync will still want ([`Recent::reserve`]) is not there.
    /// - Slots of the pace follow each other over all processes on one store: the first of this grant is at
    ///   `starts_at`, the others `1 / rate` seconds apart. With rate 0 `starts_at` is now.
    async fn reserve(&self, ask: Ask) -> Result<Grant>;

    /// Books what a grant was used for and gives the rest back.
    ///
    /// # Behavior
    /// - May be called several times for one grant; `close` ends it and releases what was not used.
    async fn settle(&self, grant: &Grant, spent: &[Spent], close: bool) -> Result<()>;

    /// The week of `now`.
    async fn week(&self, now: Timestamp) -> Result<WeekUse>;
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ask {
    pub now: Timestamp,
    pub purpose: Purpose,
    pub requests: u32,
    /// 0 = unlimited.
    pub weekly_limit: u64,
    /// Requests a second; 0 = unlimited.
    pub rate: f64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The store's number for it.
    pub id: i64,
    pub week_start: Timestamp,
    pub requests: u32,
    pub starts_at: Timestamp,
}

/// Requests of one stream for one purpose in one hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    pub hour: Timestamp,
    pub stream: StreamName,
    pub purpose: Purpose,
    pub requests: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekUse {
    pub week_start: Timestamp,
    /// When the next week starts.
    pub resumes_at: Timestamp,
    /// Settled and reserved together: what counts against the limit.
    pub used: u64,
    /// The part of it that is reserved and not settled.
    pub reserved: u64,
    pub spent: Vec<Spent>,
    /// What the forward sync used lately.
    pub recent: Recent,
}

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    Forward,
    Ready,
    Changed,
    Backfill,
    Generation,
    Reread,
    Verify,
    OnDemand,
}

impl Purpose {
    pub const ALL: [Self; 8] = [
        Self::Forward,
        Self::Ready,
        Self::Changed,
        Self::Backfill,
        Self::Generation,
        Self::Reread,
        Self::Verify,
        Self::OnDemand,
    ];

    /// What keeps tables fresh, and what somebody waits for: the rest of the week is kept for these.
    pub fn is_forward_sync(self) -> bool {
        matches!(self, Self::Forward | Self::Ready | Self::Changed | Self::OnDemand)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Ready => "ready",
            Self::Changed => "changed",
            Self::Backfill => "backfill",
            Self::Generation => "generation",
            Self::Reread => "reread",
            Self::Verify => "verify",
            Self::OnDemand => "on_demand",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}
