//! The service as a process: its address, and its log as it is written.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use super::wire::{Answer, get};
use crate::harness::Workspace;

/// Far beyond what anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// The contract with users.
const WITHIN: Duration = Duration::from_secs(10);

/// Killed when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) url: String,
    log: Receiver<String>,
}

/// How a process ended.
pub(crate) struct Ended {
    /// -1 if a signal ended it.
    pub(crate) code: i32,
    pub(crate) said: String,
}

impl Service {
    /// Starts `clarion run`, and returns once it says where it listens.
    pub(crate) fn start(workspace: &Workspace, environment: &[(&str, &str)]) -> Self {
        Self::try_start(workspace, environment)
            .unwrap_or_else(|ended| panic!("it ended with {}: {}", ended.code, ended.said))
    }

    /// The same for one that may end at once.
    pub(crate) fn try_start(workspace: &Workspace, environment: &[(&str, &str)]) -> Result<Self, Ended> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_clarion-under-test"))
            .current_dir(workspace.path())
            .env_clear()
            .envs([("CLARI_API_KEY", "demo"), ("CLARI_API_PASSWORD", "demo")])
            .envs(environment.iter().copied())
            .args(["run", "--log-format", "json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = lines(child.stdout.take().expect("stdout is piped"));
        let log = lines(child.stderr.take().expect("stderr is piped"));
        match stdout.recv_timeout(PATIENCE) {
            Ok(url) => Ok(Self { child, url, log }),
            Err(_) => {
                let code = child.wait().expect("it can be waited for").code().unwrap_or(-1);
                Err(Ended { code, said: log.iter().collect::<Vec<_>>().join("\n") })
            }
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next run to end: its kind and its outcome.
    #[track_caller]
    pub(crate) fn next_run(&self) -> (String, String) {
        let run = self.logged("a run ended");
        let text = |name: &str| run[name].as_str().unwrap_or_default().to_owned();
        (text("kind"), text("outcome"))
    }

    /// Waits for a line of the log with this message, and gives its fields.
    #[track_caller]
    pub(crate) fn logged(&self, message: &str) -> Value {
        let mut said = Vec::new();
        loop {
            let Ok(line) = self.log.recv_timeout(PATIENCE) else {
                panic!("it never said {message:?}, but\n{}", said.join("\n"));
            };
            let fields = serde_json::from_str(&line).map(|line: Value| line["fields"].clone());
            match fields {
                Ok(fields) if fields["message"] == message => return fields,
                _ => said.push(line),
            }
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        get(&self.url, path, &[])
    }

    /// A sample of the metrics by its whole name, labels included; `None` if there is none.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let metrics = self.get("/metrics").body;
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map(|value| value.parse().expect("a number"))
    }

    /// Ends it as a service manager does, and gives its exit code.
    pub(crate) fn stop(self) -> i32 {
        self.signal("-TERM");
        self.wait()
    }

    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([name, &self.child.id().to_string()]).status();
        assert!(sent.unwrap().success(), "the process is there");
    }

    /// Waits for its end, which must come within the ten seconds of the contract.
    #[track_caller]
    pub(crate) fn wait(mut self) -> i32 {
        let begun = std::time::Instant::now();
        let mut said = Vec::new();
        // The log ends with the process.
        while let Ok(line) = self.log.recv_timeout(WITHIN.saturating_sub(begun.elapsed())) {
            said.push(line);
        }
        assert!(begun.elapsed() < WITHIN, "still there after ten seconds\n{}", said.join("\n"));
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, on a thread of their own: a full pipe would stop the process.
fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            // A test that has seen enough reads no further, and the pipe must be drained all the same.
            let _ = send.send(line);
        }
    });
    receive
}
