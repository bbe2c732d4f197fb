//! What the service's server is answered with, and who hears of what happens.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use clarion_core::{Clock, Event, Inbox, Notice, Observer, RecordKey, Result, Taken};
use clarion_pipeline::Probe;
use clarion_server::{Alerts, Desk, Health, Metrics};
use tokio::sync::Notify;
use tokio::time::timeout;

/// A state store that does not answer for so long is as good as down.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers for the service.
pub(crate) struct FrontDesk {
    pub(crate) probe: Arc<Probe>,
    pub(crate) watchers: Arc<Watchers>,
    pub(crate) inbox: Arc<dyn Inbox>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Wakes the service when something was taken.
    pub(crate) wake: Arc<Notify>,
}

#[async_trait]
impl Desk for FrontDesk {
    async fn unready(&self) -> Vec<String> {
        let health = &self.watchers.health;
        let mut reasons = health.unready(self.probe.last_success(), self.clock.now());
        let checked = timeout(PATIENCE, self.probe.check()).await;
        if !matches!(checked, Ok(Ok(()))) {
            reasons.push("the state store cannot be read".to_owned());
        }
        reasons
    }

    async fn metrics(&self) -> Result<String> {
        self.watchers.metrics.show(&self.probe.gauges().await?)
    }

    async fn take(&self, id: &str, call: RecordKey) -> Result<Taken> {
        let notice = Notice { id: id.to_owned(), call, taken_at: self.clock.now() };
        let taken = self.inbox.take(&notice, self.probe.room_for_asked().await?).await?;
        self.watchers.metrics.count_notice(taken);
        if taken == Taken::New {
            self.wake.notify_one();
        }
        Ok(taken)
    }
}

/// Everybody who watches the runs of the service.
pub(crate) struct Watchers {
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
    /// Set once it is known how fresh the data is.
    pub(crate) alerts: OnceLock<Alerts>,
}

impl Observer for Watchers {
    fn notice(&self, event: Event) {
        if let Some(alerts) = self.alerts.get() {
            alerts.notice(event.clone());
        }
        self.health.notice(event.clone());
        self.metrics.notice(event);
    }
}
