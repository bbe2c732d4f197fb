//! Alerts: a message to an address of the user's when something needs a look. Never in the way of a run.

mod memory;
mod message;
mod post;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use clarion_core::{Clock, Event, Observer, Result, RunSummary, Timestamp};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use self::memory::Memory;
use self::post::Post;
use crate::settings::AlertSettings;

/// Runs that may wait for an address that does not answer; what comes beyond is dropped, and said so.
const WAITING: usize = 64;
/// How often it is looked whether the data became stale.
const LOOK: Duration = Duration::from_secs(15);

/// Everybody who is to be told.
pub struct Alerts {
    targets: Mutex<Vec<Target>>,
}

struct Target {
    runs: Sender<Arc<RunSummary>>,
    task: JoinHandle<()>,
}

/// Alerts whose settings can be used; nothing is watched or sent yet.
pub struct CheckedAlerts(Vec<(AlertSettings, Post)>);

/// One address, with what it was told already.
struct Watch {
    memory: Memory,
    post: Post,
    clock: Arc<dyn Clock>,
    runs: Receiver<Arc<RunSummary>>,
}

impl Alerts {
    /// Checks the settings; the error names the entry.
    pub fn check(settings: Vec<AlertSettings>) -> Result<CheckedAlerts> {
        let mut checked = Vec::new();
        for (index, settings) in settings.into_iter().enumerate() {
            let post = Post::new(settings.address(index)?, settings.format)?;
            checked.push((settings, post));
        }
        Ok(CheckedAlerts(checked))
    }

    /// Begins to watch. `last_success` is when a sync last went well, before this service.
    pub fn start(checked: CheckedAlerts, clock: &Arc<dyn Clock>, last_success: Option<Timestamp>) -> Self {
        let mut targets = Vec::new();
        for (settings, post) in checked.0 {
            let (send, runs) = channel(WAITING);
            let memory = Memory::new(&settings, last_success.unwrap_or_else(|| clock.now()));
            let watch = Watch { memory, post, clock: clock.clone(), runs };
            targets.push(Target { runs: send, task: tokio::spawn(watch.run()) });
        }
        Self { targets: Mutex::new(targets) }
    }

    /// Sends what is still to be sent, for at most `patience`.
    pub async fn finish(&self, patience: Duration) {
        let targets = std::mem::take(&mut *self.targets());
        let rest = async {
            for Target { runs, task } in targets {
                drop(runs);
                // A panic of the task was printed where it happened.
                let _ = task.await;
            }
        };
        if timeout(patience, rest).await.is_err() {
            tracing::warn!("the last alerts could not be sent in time");
        }
    }

    fn targets(&self) -> std::sync::MutexGuard<'_, Vec<Target>> {
        self.targets.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Alerts {
    fn notice(&self, event: Event) {
        let Event::RunEnded { run } = event else { return };
        for target in self.targets().iter() {
            if target.runs.try_send(run.clone()).is_err() {
                tracing::warn!("an alert's address does not answer, a run is not told of");
            }
        }
    }
}

impl Watch {
    async fn run(mut self) {
        loop {
            tokio::select! {
                run = self.runs.recv() => {
                    let Some(run) = run else { return };
                    for alert in self.memory.after(&run) {
                        self.post.send(&alert).await;
                    }
                }
                () = sleep(LOOK) => {}
            }
            if let Some(alert) = self.memory.at(self.clock.now()) {
                self.post.send(&alert).await;
            }
        }
    }
}
