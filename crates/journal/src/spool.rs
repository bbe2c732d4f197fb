//! The open segment: a file that every record is written to, so that the death of the process loses none.
//!
//! Its lines are plain, and compressed only once they are all there: in one piece that takes half the time.

use std::collections::hash_map::RandomState;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clarion_core::{Entry, Error, IndexLine, Kind, Op, Result};
use xxhash_rust::xxh3::xxh3_128;

use crate::{envelope, failure, frame};

/// A position holds 24 bits of line, of which the header takes one.
const MAX_RECORDS: usize = (1 << 24) - 2;

pub(crate) struct Spool {
    path: PathBuf,
    file: File,
    token: frame::Token,
    /// What the file holds behind its token.
    lines: Vec<u8>,
    index: Vec<Option<IndexLine>>,
    /// The start of the line being written, kept for its memory.
    line: Vec<u8>,
}

/// What a spool holds.
pub(crate) struct Finished {
    pub(crate) token: frame::Token,
    pub(crate) lines: Vec<u8>,
    pub(crate) contents: Contents,
}

/// What the record lines of a segment are.
pub(crate) struct Contents {
    pub(crate) raw_bytes: u64,
    pub(crate) checksum: u128,
    pub(crate) index: Vec<Option<IndexLine>>,
}

impl Spool {
    /// Begins a spool; one that exists belongs to a dead process and is never overwritten.
    pub(crate) fn create(path: PathBuf) -> Result<Self> {
        let token = new_token();
        let file = begin(&path, token).map_err(|error| refusal(&path, error))?;
        Ok(Self { path, file, token, lines: Vec::new(), index: Vec::new(), line: Vec::new() })
    }

    /// Writes a line and hands it to the system. After an error it may be there in part, and only recovery may tell.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<()> {
        if self.index.len() >= MAX_RECORDS {
            return Err(Error::new(Kind::Protocol, "the open segment was not cut in time"));
        }
        envelope::start(entry, &mut self.line);
        let start = self.lines.len();
        for part in [&self.line, envelope::data(entry), envelope::END] {
            self.lines.extend_from_slice(part);
        }
        self.file.write_all(&self.lines[start..]).map_err(|error| unwritable(&self.path, error))?;
        self.index.push(Some(IndexLine::of(entry)));
        Ok(())
    }

    pub(crate) fn raw_bytes(&self) -> u64 {
        self.lines.len() as u64
    }

    pub(crate) fn finish(self) -> Finished {
        let (raw_bytes, checksum) = (self.raw_bytes(), xxh3_128(&self.lines));
        let contents = Contents { raw_bytes, checksum, index: self.index };
        Finished { token: self.token, lines: self.lines, contents }
    }
}

/// Refuses what would break the lines, before anything is written.
pub(crate) fn check(entry: &Entry) -> Result<()> {
    let what = match entry.op {
        Op::Upsert if entry.data.is_empty() => "a record has no data",
        Op::Upsert if memchr::memchr(b'\n', &entry.data).is_some() => "a record is not on one line",
        Op::Upsert | Op::Delete => return Ok(()),
    };
    Err(Error::new(Kind::Protocol, what).with("stream", &entry.stream).with("key", &entry.key))
}

fn begin(path: &Path, token: frame::Token) -> io::Result<File> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(&frame::token_frame(&token))?;
    Ok(file)
}

/// The standard library's hasher is seeded at random, which is all a token needs.
fn new_token() -> frame::Token {
    let random = || u128::from(RandomState::new().build_hasher().finish());
    ((random() << 64) | random()).to_be_bytes()
}

fn refusal(path: &Path, error: io::Error) -> Error {
    if error.kind() != io::ErrorKind::AlreadyExists {
        return unwritable(path, error);
    }
    Error::new(Kind::Conflict, "the journal has an open segment of another process")
        .with("path", path.display())
        .hint("run the command again: a dead process's segment is recovered at the start")
}

fn unwritable(path: &Path, error: io::Error) -> Error {
    failure::storage(path.display(), "cannot write the journal's open segment", error)
}
