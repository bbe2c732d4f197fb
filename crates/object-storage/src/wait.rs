//! From callers that block to stores that do not.

use std::sync::LazyLock;
use std::sync::mpsc::sync_channel;

use tokio::runtime::{Builder, Runtime};

/// Requests wait for the network and not for a processor.
const THREADS: usize = 2;

/// Of its own, so that whoever waits may do so on any thread, of any runtime or of none.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(THREADS).thread_name("object-storage").enable_all();
    builder.build().expect("the system has threads")
});

/// Runs a request to its end.
pub(crate) fn wait<T: Send + 'static>(request: impl Future<Output = T> + Send + 'static) -> T {
    let (send, receive) = sync_channel(1);
    RUNTIME.spawn(async move {
        let _ = send.send(request.await);
    });
    receive.recv().expect("a request does not panic, and its runtime is never shut down")
}
