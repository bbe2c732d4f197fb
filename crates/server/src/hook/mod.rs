//! `POST /hooks/clari`: a call is worth fetching now, says somebody who knows the secret.

mod signature;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clarion_core::{Clock, RecordKey, Taken};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::{HeaderMap, Request};
use serde::Deserialize;
use tokio::time::timeout;

use crate::desk::Desk;
pub use signature::HookSecret;
use signature::{Signed, is_fresh};

/// The contract with senders.
const LARGEST_BODY: usize = 64 * 1024;
/// A body beyond the limit is read this far and forgotten, so that its sender gets to read the refusal.
const DRAINED: usize = 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
/// Ids longer than this are nobody's.
const LONGEST_ID: usize = 256;
/// Each notification may cost a request of the week's quota: as many a second as the vendor answers …
const PER_SECOND: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
/// … after an hour's worth of calls that end together.
const BURST: NonZeroU32 = NonZeroU32::new(300).expect("not zero");

/// Takes notifications.
pub(crate) struct Hook {
    secret: HookSecret,
    clock: Arc<dyn Clock>,
    desk: Arc<dyn Desk>,
    rate: DefaultDirectRateLimiter,
}

/// What the sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Now, or before.
    Taken,
    NotGenuine,
    TooLarge,
    Unreadable,
    TooMany,
    Unavailable,
}

#[derive(Deserialize)]
struct Message {
    call_id: String,
}

impl Hook {
    pub(crate) fn new(secret: HookSecret, clock: Arc<dyn Clock>, desk: Arc<dyn Desk>) -> Self {
        let rate = RateLimiter::direct(Quota::per_second(PER_SECOND).allow_burst(BURST));
        Self { secret, clock, desk, rate }
    }

    pub(crate) async fn take(&self, request: Request<Incoming>) -> Verdict {
        let (head, body) = request.into_parts();
        let body = match read(body).await {
            Ok(body) => body,
            Err(verdict) => return verdict,
        };
        let Some(id) = self.genuine(&head.headers, &body) else {
            return Verdict::NotGenuine;
        };
        let Some(call) = call_of(&body) else {
            return Verdict::Unreadable;
        };
        if self.rate.check().is_err() {
            return Verdict::TooMany;
        }
        match self.desk.take(id, call).await {
            Ok(Taken::New | Taken::Repeated) => Verdict::Taken,
            Ok(Taken::Full) => Verdict::TooMany,
            Err(error) => {
                tracing::warn!(error = %error.chain(), "a notification could not be stored");
                Verdict::Unavailable
            }
        }
    }

    /// The id of a message that is signed and of now.
    fn genuine<'h>(&self, headers: &'h HeaderMap, body: &[u8]) -> Option<&'h str> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let id = text("webhook-id").filter(|id| (1..=LONGEST_ID).contains(&id.len()))?;
        let (timestamp, signatures) = (text("webhook-timestamp")?, text("webhook-signature")?);
        let message = Signed { id, timestamp, body, signatures };
        (is_fresh(timestamp, self.clock.now()) && self.secret.signed(message)).then_some(id)
    }
}

async fn read(mut body: Incoming) -> Result<Bytes, Verdict> {
    let read = Limited::new(&mut body, LARGEST_BODY).collect().await;
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            // Whether its sender reads the answer is no matter of ours beyond this.
            let _ = timeout(DRAIN_TIMEOUT, drain(body)).await;
            Err(Verdict::TooLarge)
        }
        Err(_) => Err(Verdict::Unreadable),
    }
}

async fn drain(mut body: Incoming) {
    let mut left = DRAINED;
    while !body.is_end_stream() && left > 0 {
        let Some(Ok(frame)) = body.frame().await else { return };
        left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
    }
}

fn call_of(body: &[u8]) -> Option<RecordKey> {
    let message: Message = serde_json::from_slice(body).ok()?;
    let id = message.call_id;
    let is_plain = (1..=LONGEST_ID).contains(&id.len()) && !id.chars().any(char::is_control);
    if is_plain { RecordKey::parse(id).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_names_a_call() {
        let call = |body: &str| call_of(body.as_bytes()).map(|key| key.to_string());
        assert_eq!(call(r#"{"call_id":"c-1","more":{}}"#).as_deref(), Some("c-1"));
        let long = format!(r#"{{"call_id":"{}"}}"#, "x".repeat(257));
        for body in ["", "{}", "[]", r#"{"call_id":""}"#, r#"{"call_id":7}"#, r#"{"call_id":"a\n"}"#, &long] {
            assert_eq!(call(body), None, "{body}");
        }
    }
}
