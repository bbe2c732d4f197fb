//! The one place that opens connections.

use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use clarion_core::{Error, Kind, Result};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Response, Url, redirect};
use secrecy::{ExposeSecret, SecretString};

use crate::declared::is_same_host;
use crate::settings::{Credentials, SourceSettings};
use crate::transport::{Answer, Ask, Fault, Place, Transport};

/// A host that does not even accept a connection for this long is down.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The vendor sends 6 MB at most; a body beyond this is no page but an attack or a mistake.
const MAX_BODY_BYTES: usize = 64 * 1024 * 1024;

/// The vendor over HTTP: both credentials on every request, connections kept, answers decompressed.
pub(crate) struct HttpTransport {
    client: Client,
    base: Url,
}

/// Any other host over HTTP: nothing of what is meant for the vendor is known here.
pub(crate) struct ForeignTransport {
    client: Client,
    /// Where not to go: the vendor's requests go through its own gate.
    base: Url,
}

impl HttpTransport {
    pub(crate) fn new(settings: &SourceSettings, credentials: &Credentials) -> Result<Self> {
        let client = client(settings, headers(settings, credentials)?)?;
        Ok(Self { client, base: settings.url()? })
    }

    /// The address of an ask; `None` at another host, where the credentials must not go.
    fn url(&self, ask: &Ask) -> Option<Url> {
        match &ask.place {
            Place::Path(path) => Some(below(&self.base, path)),
            Place::Url(url) => is_same_host(&self.base, url).then(|| url.clone()),
        }
    }
}

impl ForeignTransport {
    pub(crate) fn new(settings: &SourceSettings) -> Result<Self> {
        let accept = (ACCEPT, HeaderValue::from_static("application/json"));
        let client = client(settings, HeaderMap::from_iter([accept]))?;
        Ok(Self { client, base: settings.url()? })
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn get(&self, ask: &Ask) -> Result<Answer, Fault> {
        let elsewhere = Fault { what: "another host than the vendor's", source: None };
        send(&self.client, self.url(ask).ok_or(elsewhere)?, ask).await
    }
}

#[async_trait]
impl Transport for ForeignTransport {
    async fn get(&self, ask: &Ask) -> Result<Answer, Fault> {
        match &ask.place {
            Place::Url(url) if !is_same_host(&self.base, url) => send(&self.client, url.clone(), ask).await,
            _ => Err(Fault { what: "the vendor's own host", source: None }),
        }
    }
}

/// The address of a path below `base`.
pub(crate) fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("{}{path}", base.path().trim_end_matches('/')));
    url
}

fn client(settings: &SourceSettings, headers: HeaderMap) -> Result<Client> {
    Client::builder()
        .default_headers(headers)
        .user_agent(concat!("clarion/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(settings.request_timeout)
        .pool_max_idle_per_host(settings.concurrency)
        .tcp_nodelay(true)
        // A redirect would carry the credentials to wherever it points.
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| Error::new(Kind::Config, "the HTTP client cannot be set up").source(error))
}

async fn send(client: &Client, mut url: Url, ask: &Ask) -> Result<Answer, Fault> {
    if !ask.params.is_empty() {
        url.query_pairs_mut().extend_pairs(&ask.params);
    }
    let mut request = client.get(url);
    for (name, value) in &ask.headers {
        request = request.header(name, value);
    }
    let response = request.send().await.map_err(fault)?;
    let status = response.status().as_u16();
    let retry_after =
        response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = read(response).await?;
    Ok(Answer { status, retry_after, body })
}

/// Reads the body, bounded, copying only what comes in pieces.
async fn read(mut response: Response) -> Result<Bytes, Fault> {
    let expected = response.content_length().unwrap_or(0).min(MAX_BODY_BYTES as u64);
    let Some(first) = response.chunk().await.map_err(fault)? else {
        return Ok(Bytes::new());
    };
    if first.len() as u64 == expected {
        // The end must still be seen, or the connection cannot be used again.
        if response.chunk().await.map_err(fault)?.is_none() {
            return Ok(first);
        }
        return Err(Fault { what: "the answer is longer than it said", source: None });
    }
    let capacity = usize::try_from(expected).unwrap_or(0).max(first.len());
    let mut body = BytesMut::with_capacity(capacity);
    body.extend_from_slice(&first);
    while let Some(chunk) = response.chunk().await.map_err(fault)? {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Fault { what: "the answer is too large", source: None });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn headers(settings: &SourceSettings, credentials: &Credentials) -> Result<HeaderMap> {
    let mut headers: HeaderMap = settings.extra_headers()?.into_iter().collect();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert("x-api-key", secret(&credentials.key, "api key")?);
    headers.insert("x-api-password", secret(&credentials.password, "api password")?);
    Ok(headers)
}

fn secret(value: &SecretString, which: &'static str) -> Result<HeaderValue> {
    // Mounted secrets often end in a line break.
    let text = value.expose_secret().trim();
    let mut header =
        HeaderValue::from_str(text).ok().filter(|header| !header.is_empty()).ok_or_else(|| {
            Error::new(Kind::Config, "a credential is missing or holds characters that no header can")
                .with("credential", which)
                .hint("check CLARI_API_KEY and CLARI_API_PASSWORD")
        })?;
    header.set_sensitive(true);
    Ok(header)
}

/// Says what broke without saying where to: the address holds parameters.
fn fault(error: reqwest::Error) -> Fault {
    let what = if error.is_timeout() {
        "the request timed out"
    } else if error.is_connect() {
        "no connection to the server"
    } else if error.is_body() || error.is_decode() {
        "the answer broke off"
    } else {
        "the connection broke"
    };
    Fault { what, source: Some(Box::new(error.without_url())) }
}
