//! How the journal says what failed, on which file, and what to do.

use std::fmt::Display;
use std::io;

use clarion_core::{Error, Kind, Retry};

/// A segment is not what was written.
pub(crate) fn corrupt(segment: &str, what: &str) -> Error {
    Error::new(Kind::Corrupt, what).with("segment", segment).hint(
        "restore it from a backup of the journal; nothing else is affected, and destinations that loaded it \
         keep what they have",
    )
}

/// The file system refused; `what` says during which step.
pub(crate) fn storage(path: impl Display, what: &str, source: io::Error) -> Error {
    let hint = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space; nothing acknowledged is lost"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "give the user that runs clarion the right to write there, or set another journal.url"
        }
        _ => "look at the disk and the path; nothing acknowledged is lost",
    };
    Error::new(Kind::Storage, what).retry(Retry::Persistent).with("path", path).hint(hint).source(source)
}
