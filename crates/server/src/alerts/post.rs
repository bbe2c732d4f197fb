//! Sending an alert: a few tries, and then a line in the log.

use std::time::Duration;

use clarion_core::{Error, Kind, Result};
use reqwest::{Client, StatusCode, redirect};
use tokio::time::sleep;
use url::Url;

use super::message::Alert;
use crate::settings::AlertFormat;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Waits between the tries; one more try than waits.
const WAITS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(5), Duration::from_secs(30)];

/// Where alerts go. The address is a secret and is never logged.
pub(super) struct Post {
    client: Client,
    url: Url,
    format: AlertFormat,
}

impl Post {
    pub(super) fn new(url: Url, format: AlertFormat) -> Result<Self> {
        let client = Client::builder()
            .user_agent(concat!("clarion/", env!("CARGO_PKG_VERSION")))
            .timeout(TIMEOUT)
            .redirect(redirect::Policy::none())
            .build();
        let client = client.map_err(|error| {
            Error::new(Kind::Config, "the client for alerts cannot be set up").source(error)
        })?;
        Ok(Self { client, url, format })
    }

    /// Sends, or gives up.
    pub(super) async fn send(&self, alert: &Alert) {
        let body = alert.body(self.format).to_string();
        let mut waits = WAITS.into_iter();
        loop {
            let (why, may_pass) = match self.post(body.clone()).await {
                Ok(status) if status.is_success() => return,
                Ok(status) => (format!("status {}", status.as_u16()), may_pass(status)),
                Err(error) => (error.without_url().to_string(), true),
            };
            match waits.next().filter(|_| may_pass) {
                Some(wait) => sleep(wait).await,
                None => {
                    let host = self.url.host_str().unwrap_or_default();
                    tracing::warn!(kind = ?alert.kind, host, error = why, "an alert could not be sent");
                    return;
                }
            }
        }
    }

    async fn post(&self, body: String) -> reqwest::Result<StatusCode> {
        let request = self.client.post(self.url.clone()).header("content-type", "application/json");
        Ok(request.body(body).send().await?.status())
    }
}

fn may_pass(status: StatusCode) -> bool {
    status.is_server_error() || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT)
}
