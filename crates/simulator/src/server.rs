//! The running server.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::serve::ListenerExt;
use tokio::sync::oneshot;

use crate::control::Control;
use crate::error::Error;
use crate::gate;
use crate::options::Options;
use crate::state::Shared;

/// The vendor's API on a socket of its own; dropping it closes the socket and every connection.
///
/// It runs on one thread with its own runtime: a test may pause or starve its own without slowing the
/// server, and requests are answered one after the other, in the order of the log.
#[derive(Debug)]
pub struct Simulator {
    address: SocketAddr,
    control: Control,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Loads or generates the workspace and starts to serve it.
    ///
    /// # Errors
    /// A data folder that cannot be read, a fault specification that makes no sense, a port in use.
    pub async fn start(options: Options) -> Result<Self, Error> {
        let prepare = tokio::task::spawn_blocking(move || Self::start_now(options));
        prepare.await.expect("preparing the workspace does not panic")
    }

    /// Where it listens, as `http://ADDRESS:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The hand on it.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Stops serving; when this returns, no request is being answered any more.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server thread was already printed where it happened.
            let _ = tokio::task::spawn_blocking(move || thread.join()).await;
        }
    }

    fn start_now(options: Options) -> Result<Self, Error> {
        let shared = Arc::new(Shared::prepare(options)?);
        let listener = listen(&shared.options)?;
        let address = listener.local_addr().map_err(Error::Runtime)?;
        let (stop, stopped) = oneshot::channel();
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::Runtime)?;
        let control = Control::new(Arc::clone(&shared));
        let serve = move || {
            // Whatever ends the serving, the runtime goes with it, and all connections with that.
            runtime.block_on(serve(listener, shared, stopped));
        };
        let thread = std::thread::Builder::new().name("simulator".to_owned()).spawn(serve);
        Ok(Self { address, control, stop: Some(stop), thread: Some(thread.map_err(Error::Runtime)?) })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // A hook may hold the shared state by way of its control: without this neither would be freed.
        self.control.clear_hook();
    }
}

/// Runs a simulator until ctrl-c or SIGTERM; `on_ready` gets its URL once it answers.
///
/// # Errors
/// Those of [`Simulator::start`].
pub async fn run(options: Options, on_ready: impl FnOnce(&str)) -> Result<(), Error> {
    let simulator = Simulator::start(options).await?;
    on_ready(&simulator.url());
    wait_for_signal().await.map_err(Error::Runtime)?;
    simulator.stop().await;
    Ok(())
}

#[cfg(unix)]
async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

fn listen(options: &Options) -> Result<TcpListener, Error> {
    let address = SocketAddr::new(options.bind, options.port);
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| Error::Bind { address: address.to_string(), source })
}

async fn serve(listener: TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let listener = tokio::net::TcpListener::from_std(listener).expect("the socket is non-blocking");
    // Small answers must not wait for the acknowledgement of the one before; a failure only costs speed.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    let router = Router::new().fallback(gate::handle).with_state(shared);
    tokio::select! {
        result = axum::serve(listener, router).into_future() => result.expect("serving does not end"),
        // The sender is dropped with the simulator, which counts as a stop as well.
        _ = stopped => {}
    }
}
