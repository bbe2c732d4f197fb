//! Which path gives what to whom.

use std::sync::Arc;

use bytes::Bytes;
use clarion_core::fault;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Method, Request, Response, StatusCode};

use super::token::Token;
use crate::desk::Desk;
use crate::hook::{Hook, Verdict};
use crate::metrics::TEXT_FORMAT;

type Answer = Response<Full<Bytes>>;

/// After so many seconds a refused sender may try again.
const PAUSE_SECONDS: HeaderValue = HeaderValue::from_static("60");

pub(super) struct Routes {
    pub(super) token: Option<Token>,
    pub(super) hook: Option<Hook>,
    pub(super) desk: Arc<dyn Desk>,
}

impl Routes {
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Answer {
        let reads = matches!(*request.method(), Method::GET | Method::HEAD);
        match (request.uri().path(), &self.hook) {
            ("/healthz", _) if reads => text(StatusCode::OK, "alive\n"),
            ("/readyz", _) if reads => self.ready().await,
            ("/healthz" | "/readyz", _) => not_allowed("GET, HEAD"),
            ("/hooks/clari", Some(hook)) if request.method() == Method::POST => {
                told(hook.take(request).await)
            }
            ("/hooks/clari", Some(_)) => not_allowed("POST"),
            ("/hooks/clari", None) => text(StatusCode::NOT_FOUND, "there is no hook: no secret is set\n"),
            _ if !self.admits(&request) => unauthorized(),
            ("/metrics", _) if reads => self.metrics().await,
            ("/metrics", _) => not_allowed("GET, HEAD"),
            _ => text(StatusCode::NOT_FOUND, "there are /healthz, /readyz, /metrics and /hooks/clari\n"),
        }
    }

    fn admits(&self, request: &Request<Incoming>) -> bool {
        fault::defect("server.open_to_all")
            || self.token.as_ref().is_none_or(|token| token.is_in(request.headers()))
    }

    async fn ready(&self) -> Answer {
        let reasons = self.desk.unready().await;
        let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let body = serde_json::json!({ "ready": reasons.is_empty(), "reasons": reasons });
        typed(status, "application/json", format!("{body}\n"))
    }

    async fn metrics(&self) -> Answer {
        match self.desk.metrics().await {
            Ok(metrics) => typed(StatusCode::OK, TEXT_FORMAT, metrics),
            Err(error) => {
                tracing::warn!(error = %error.chain(), "the metrics cannot be read");
                text(StatusCode::SERVICE_UNAVAILABLE, "the state store cannot be read\n")
            }
        }
    }
}

fn told(verdict: Verdict) -> Answer {
    match verdict {
        Verdict::Taken => text(StatusCode::ACCEPTED, "taken\n"),
        Verdict::NotGenuine => text(StatusCode::UNAUTHORIZED, "the signature is missing, wrong or too old\n"),
        Verdict::TooLarge => text(StatusCode::PAYLOAD_TOO_LARGE, "at most 64 KB\n"),
        Verdict::Unreadable => text(StatusCode::BAD_REQUEST, "the body is not {\"call_id\": \"…\"}\n"),
        Verdict::TooMany => {
            let mut answer = text(StatusCode::TOO_MANY_REQUESTS, "too many notifications\n");
            answer.headers_mut().insert(RETRY_AFTER, PAUSE_SECONDS);
            answer
        }
        Verdict::Unavailable => text(StatusCode::SERVICE_UNAVAILABLE, "the state store cannot be written\n"),
    }
}

fn unauthorized() -> Answer {
    let mut answer = text(StatusCode::UNAUTHORIZED, "this needs the token\n");
    answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    answer
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    typed(status, "text/plain; charset=utf-8", body)
}

fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Full::new(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    answer
}
