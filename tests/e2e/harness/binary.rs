//! Runs the product as a user does: a process with arguments and an environment.

use std::io::Read;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

/// Far beyond what any run here takes, and short of what hides a hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// A process that has ended.
pub(crate) struct Ran {
    /// The exit code; -1 if a signal ended it.
    pub(crate) code: i32,
    /// The signal that ended it.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// What it printed on stdout, if that is one JSON document; else null.
    pub(crate) json: Value,
}

impl Ran {
    /// Fails the test, showing all that was printed, unless the process ended with this code.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "exit code; signal {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.signal, self.stdout, self.stderr
        );
        self
    }

    /// A number of the JSON document, by pointer; 0 where there is none.
    pub(crate) fn number(&self, pointer: &str) -> u64 {
        self.json.pointer(pointer).and_then(Value::as_u64).unwrap_or(0)
    }

    /// A text of the JSON document, by pointer; empty where there is none.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.json.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }
}

/// A process under way; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Running {
    /// Starts `clarion ARGUMENTS` in `folder`, with the simulator's credentials and nothing else of our environment.
    pub(crate) fn start(folder: &Path, environment: &[(&str, &str)], arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clarion-under-test"));
        command
            .current_dir(folder)
            .env_clear()
            .env("CLARI_API_KEY", "demo")
            .env("CLARI_API_PASSWORD", "demo")
            .envs(environment.iter().copied())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let stdout = drain(child.stdout.take().expect("stdout is piped"));
        let stderr = drain(child.stderr.take().expect("stderr is piped"));
        Self { child, stdout, stderr }
    }

    /// The process id, for signals.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; a process that hangs fails the test.
    pub(crate) fn wait(self) -> Ran {
        self.wait_at_most(PATIENCE)
    }

    /// The same with another patience.
    pub(crate) fn wait_at_most(mut self, patience: Duration) -> Ran {
        let stdout = self.stdout.recv_timeout(patience);
        let stdout = stdout.unwrap_or_else(|_| self.give_up(patience));
        let stderr = self.stderr.recv_timeout(patience);
        let stderr = stderr.unwrap_or_else(|_| self.give_up(patience));
        let status = self.child.wait().expect("a started process can be waited for");
        ran(status, stdout, stderr)
    }

    fn give_up(&mut self, patience: Duration) -> ! {
        let _ = self.child.kill();
        let stderr = self.stderr.recv_timeout(PATIENCE).unwrap_or_default();
        panic!("still running after {patience:?}\n--- stderr\n{stderr}");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads to the end on a thread of its own: a full pipe would stop the process.
fn drain(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (send, receive) = channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let _ = send.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receive
}

fn ran(status: ExitStatus, stdout: String, stderr: String) -> Ran {
    Ran {
        code: status.code().unwrap_or(-1),
        signal: status.signal(),
        json: serde_json::from_str(&stdout).unwrap_or(Value::Null),
        stdout,
        stderr,
    }
}
