//! The error table: what an answer means and what is to be done about it.

use std::time::Duration;

use chrono::DateTime;
use clarion_core::{Error, Kind, Retry, Timestamp};

use crate::transport::{Answer, Ask, Fault};

/// What is to be done about an answer.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// 200: the body is to be read.
    Body,
    /// 404.
    Missing,
    /// 429; with the wait that was asked for, if any.
    Refused(Option<Duration>),
    /// 502: down, or too large.
    BadGateway,
    /// May pass by itself.
    Passing(Error),
    /// 401 or 403: nothing may be sent any more.
    Credentials(Error),
    /// Repeating it is useless.
    Final(Error),
}

pub(crate) fn answer(ask: &Ask, answer: &Answer, now: Timestamp) -> Verdict {
    let status = answer.status;
    match status {
        200 => Verdict::Body,
        400 => Verdict::Final(
            failed(ask, Kind::Refused, "the server refused the parameters", status)
                .with("parameters", ask.parameters()),
        ),
        401 | 403 => Verdict::Credentials(
            failed(ask, Kind::Credentials, "the vendor refused the credentials", status)
                .hint("check CLARI_API_KEY and CLARI_API_PASSWORD"),
        ),
        404 => Verdict::Missing,
        429 => Verdict::Refused(answer.retry_after.as_deref().and_then(|text| wait(text, now))),
        502 => Verdict::BadGateway,
        500 | 501 | 503 | 504 => Verdict::Passing(unavailable(ask, status)),
        300..=399 => Verdict::Final(
            failed(ask, Kind::Protocol, "the answer points elsewhere, and is not followed", status)
                .hint("give the address that it points to, if it is to be trusted"),
        ),
        _ => Verdict::Final(failed(
            ask,
            Kind::Protocol,
            "the server answered with an unexpected status",
            status,
        )),
    }
}

/// What [`word`] says of a 200.
pub(crate) const OK: &str = "ok";

/// An answer in a word, for metrics.
pub(crate) fn word(answer: Result<&Answer, &Fault>) -> &'static str {
    match answer.map(|answer| answer.status) {
        Ok(200) => OK,
        Ok(400) => "refused",
        Ok(401 | 403) => "credentials",
        Ok(404) => "missing",
        Ok(429) => "rate_limited",
        Ok(500..=599) => "failed",
        Ok(_) => "unexpected",
        Err(_) => "broken",
    }
}

pub(crate) fn unavailable(ask: &Ask, status: u16) -> Error {
    failed(ask, Kind::Remote, "the server failed", status).retry(Retry::Temporary)
}

pub(crate) fn broken(ask: &Ask, fault: Fault) -> Error {
    let error = Error::new(Kind::Remote, fault.what).retry(Retry::Temporary).with("request", request(ask));
    match fault.source {
        Some(source) => error.source(source),
        None => error,
    }
}

/// A 200 whose body cannot be read: an error page, or cut on the way.
pub(crate) fn no_json(ask: &Ask) -> Error {
    failed(ask, Kind::Remote, "the answer is not whole JSON", 200).retry(Retry::Temporary)
}

/// A 404 where there must be something.
pub(crate) fn not_found(ask: &Ask) -> Error {
    failed(ask, Kind::Remote, "the vendor knows no such endpoint", 404).hint("check source.base_url")
}

/// A 401 or 403 of a host that gets no credentials of the vendor's.
pub(crate) fn stranger(ask: &Ask, status: u16) -> Error {
    // Whatever is asked for: other headers may help.
    failed(ask, Kind::Refused, "the host refused the request", status)
        .retry(Retry::Persistent)
        .hint("put what it asks for into the stream's `headers`")
}

pub(crate) fn failed(ask: &Ask, kind: Kind, message: &str, status: u16) -> Error {
    Error::new(kind, message).with("request", request(ask)).with("status", status)
}

fn request(ask: &Ask) -> String {
    format!("GET {}", ask.shown())
}

/// `Retry-After`: seconds, or a date.
fn wait(text: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Some((until.to_utc() - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_read_as_seconds_or_as_a_date() {
        let now = DateTime::parse_from_rfc3339("2026-11-20T12:00:00Z").expect("valid").to_utc();
        assert_eq!(wait("7", now), Some(Duration::from_secs(7)));
        assert_eq!(wait("Fri, 20 Nov 2026 12:00:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(wait("Fri, 20 Nov 2026 11:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(wait("soon", now), None);
    }
}
