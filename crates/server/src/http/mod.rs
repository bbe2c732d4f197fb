//! The listener: bounded connections, one request each, nothing that waits for ever.

mod routes;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clarion_core::{Clock, Error, Kind, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use crate::desk::Desk;
use crate::hook::{Hook, HookSecret};
use crate::settings::ServerSettings;
use routes::Routes;
pub use token::Token;

/// Scrapers, probes and a sender of notifications need a handful.
const CONNECTIONS: usize = 64;
/// From the connection to the end of the headers.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);
/// From the connection to the end of the answer.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(20);
/// Headers of a request, all together.
const HEADER_BYTES: usize = 16 * 1024;

/// The service's HTTP server.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    routes: Arc<Routes>,
}

impl Server {
    /// Listens from now on; answers once [`Server::serve`] runs.
    pub async fn bind(
        settings: &ServerSettings,
        token: Option<Token>,
        hook_secret: Option<HookSecret>,
        clock: Arc<dyn Clock>,
        desk: Arc<dyn Desk>,
    ) -> Result<Self> {
        let wanted = settings.address(token.is_some())?;
        let failed = |error: std::io::Error| {
            Error::new(Kind::Config, "the server cannot listen")
                .with("address", wanted)
                .hint("another program uses the port, or the address is not this machine's: set server.bind")
                .source(error)
        };
        let listener = TcpListener::bind(wanted).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let hook = hook_secret.map(|secret| Hook::new(secret, clock, desk.clone()));
        Ok(Self { listener, address, routes: Arc::new(Routes { token, hook, desk }) })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers until dropped.
    pub async fn serve(self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let routes = self.routes.clone();
                    tokio::spawn(async move {
                        answer(stream, routes).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of file descriptors, most likely: it passes, but not by asking again at once.
                    tracing::warn!(error = %error, "a connection could not be accepted");
                    sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// One request and its answer. Connections are not kept: nobody holds a place without asking for something.
async fn answer(stream: TcpStream, routes: Arc<Routes>) {
    let service = service_fn(move |request| {
        let routes = routes.clone();
        async move { Ok::<_, std::convert::Infallible>(routes.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEADER_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(CONNECTION_TIMEOUT, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(error = %error, "a connection broke"),
        Err(_) => tracing::debug!("a connection took too long"),
    }
}
