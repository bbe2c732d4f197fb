//! SIGINT and SIGTERM: the first asks the run to stop, the second ends the process at once.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use clarion_core::Stop;
use tokio::signal::unix::{SignalKind, signal};

/// A run that was asked to stop has this long to finish what it has in hand.
const PATIENCE: Duration = Duration::from_secs(9);

/// Which signal came, if one did.
#[derive(Debug, Clone, Default)]
pub(crate) struct Caught(Arc<AtomicU8>);

impl Caught {
    /// 130 for SIGINT, 143 for SIGTERM, as a shell would say.
    pub(crate) fn exit_code(&self) -> Option<ExitCode> {
        let code = self.0.load(Ordering::Acquire);
        (code != 0).then(|| ExitCode::from(code))
    }
}

/// What a process that is ended by a signal says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The signal, as a shell would: a command was broken off.
    Signal,
    /// Nothing: a service is ended in no other way.
    Zero,
}

/// Listens from now on.
pub(crate) fn listen(stop: Stop, farewell: Farewell) -> std::io::Result<Caught> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let caught = Caught::default();
    let shared = caught.clone();
    tokio::spawn(async move {
        let code = tokio::select! { _ = interrupt.recv() => 130, _ = terminate.recv() => 143 };
        shared.0.store(code, Ordering::Release);
        stop.request();
        match farewell {
            Farewell::Zero => tracing::info!("stopping: finishing what is in hand"),
            Farewell::Signal => eprintln!("stopping: finishing what is in hand (once more to end at once)"),
        }
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = tokio::time::sleep(PATIENCE) => {}
        }
        // Nothing is acknowledged that is not durable, so that ending here loses nothing that counts.
        std::process::exit(if farewell == Farewell::Zero { 0 } else { i32::from(code) });
    });
    Ok(caught)
}
