//! An answer, and how a fault spoils it on its way out.

use std::io::Write;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use serde_json::{Value, json};

use crate::faults::Fault;

/// Smaller bodies are sent as they are.
const GZIP_FROM_BYTES: usize = 1024;
/// A slow body comes in this many pieces …
const SLOW_PIECES: usize = 10;
/// … with this between them: about 300 ms in all.
const SLOW_PAUSE: Duration = Duration::from_millis(30);
/// Time for the first half to leave before the connection is closed.
const RESET_PAUSE: Duration = Duration::from_millis(10);

/// What a request is answered with.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
    content_type: &'static str,
    /// Seconds.
    pub(crate) retry_after: Option<u32>,
}

impl Answer {
    pub(crate) fn json(body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            body: body.into(),
            content_type: "application/json; charset=utf-8",
            retry_after: None,
        }
    }

    pub(crate) fn value(value: &Value) -> Self {
        Self::json(value.to_string())
    }

    /// An error as the vendor words it.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self { status, ..Self::value(&json!({"errorMessage": message})) }
    }

    /// An error of something in front of the vendor's server.
    pub(crate) fn html(status: u16, title: &str) -> Self {
        let page = format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
        Self { status, body: page.into(), content_type: "text/html", retry_after: None }
    }

    /// A 429 without a word, as seen.
    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: Bytes::new(), content_type: "text/plain", retry_after: None }
    }

    /// What an injected status looks like.
    pub(crate) fn injected(status: u16) -> Self {
        match status {
            429 => Self::empty(status),
            502 => Self::html(status, "502 Bad Gateway"),
            503 => Self::html(status, "503 Service Temporarily Unavailable"),
            504 => Self::html(status, "504 Gateway Time-out"),
            _ => Self::error(status, "injected fault"),
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.content_type.starts_with("application/json")
    }

    /// Indented over many lines; works on text, so that what is not quite JSON stays as it is.
    pub(crate) fn indented(self) -> Self {
        Self { body: indent(&self.body).into(), ..self }
    }

    pub(crate) fn spoiled(self, fault: Option<Fault>) -> Self {
        match fault {
            Some(Fault::Html) => Self::html(200, "We will be back soon"),
            Some(Fault::Truncate) => {
                let half = self.body.len() / 2;
                Self { body: self.body.slice(..half), ..self }
            }
            _ => self,
        }
    }

    pub(crate) fn into_response(mut self, gzip: bool, fault: Option<Fault>) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if gzip && self.body.len() >= GZIP_FROM_BYTES {
            self.body = compress(&self.body);
            headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        // The promised length is that of the whole body, also where it is never kept.
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        let mut response = Response::new(body(self.body, fault));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        *response.headers_mut() = headers;
        response
    }
}

/// Whether the client takes gzip.
pub(crate) fn accepts_gzip(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT_ENCODING).iter();
    values.any(|value| value.to_str().is_ok_and(|value| value.contains("gzip")))
}

fn body(bytes: Bytes, fault: Option<Fault>) -> Body {
    match fault {
        Some(Fault::Reset) => {
            let half = bytes.slice(..bytes.len() / 2);
            let torn = stream::unfold(Some(half), |half| async move {
                if let Some(half) = half {
                    return Some((Ok(half), None));
                }
                tokio::time::sleep(RESET_PAUSE).await;
                Some((Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset)), None))
            });
            Body::from_stream(torn)
        }
        Some(Fault::Slow) => {
            let piece = bytes.len().div_ceil(SLOW_PIECES).max(1);
            let pieces = stream::unfold(bytes, move |mut rest| async move {
                if rest.is_empty() {
                    return None;
                }
                tokio::time::sleep(SLOW_PAUSE).await;
                let next = rest.split_to(piece.min(rest.len()));
                Some((Ok::<_, std::io::Error>(next), rest))
            });
            Body::from_stream(pieces)
        }
        _ => Body::from(bytes),
    }
}

fn compress(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::fast());
    encoder.write_all(body).and_then(|()| encoder.finish()).expect("writing to memory does not fail").into()
}

fn indent(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for &byte in text {
        if quoted {
            out.push(byte);
            quoted = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        quoted = byte == b'"';
        match byte {
            b'{' | b'[' | b',' => {
                depth += usize::from(byte != b',');
                out.push(byte);
                push_line(&mut out, depth);
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                push_line(&mut out, depth);
                out.push(byte);
            }
            b':' => out.extend_from_slice(b": "),
            _ => out.push(byte),
        }
    }
    out
}

fn push_line(out: &mut Vec<u8>, depth: usize) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}
