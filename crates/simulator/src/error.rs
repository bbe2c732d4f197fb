//! What can go wrong before the server answers its first request.

use std::path::PathBuf;

/// A reason why the simulator cannot start or take an instruction.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is taken or may not be bound.
    #[error("cannot listen on {address}")]
    Bind {
        /// What was asked for, as `ip:port`.
        address: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The operating system refused a thread, a runtime or a signal handler.
    #[error("cannot run the server")]
    Runtime(#[source] std::io::Error),
    /// A file of the data folder is missing or unreadable.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A file of the data folder is not what its name promises.
    #[error("{} is not in the expected format: {reason}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What was expected and not found.
        reason: String,
    },
    /// A fault specification that cannot be understood.
    #[error("fault \"{entry}\" is not KIND[@PATH][:PROBABILITY|#NUMBER]: {reason}")]
    Faults {
        /// The entry as written.
        entry: String,
        /// What is wrong with it.
        reason: String,
    },
}
