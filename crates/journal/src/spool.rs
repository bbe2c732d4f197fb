//! The open segment: a file that every record is flushed to, so that the death of the process loses none.

use std::collections::hash_map::RandomState;
use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, Hasher};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};

use clarion_core::{Entry, Error, IndexLine, Kind, Op, Result};
use xxhash_rust::xxh3::Xxh3;
use zstd::stream::write::Encoder;

use crate::{envelope, failure, frame};

/// A position holds 24 bits of line, of which the header takes one.
const MAX_RECORDS: usize = (1 << 24) - 2;

/// 256 KB: the encoder's buffer stays in the processor's cache, a tenth faster than the level's own 512 KB on
/// transcripts, and no larger when stored.
const WINDOW_LOG: u32 = 18;

pub(crate) struct Spool {
    path: PathBuf,
    encoder: Encoder<'static, File>,
    digest: Xxh3,
    raw_bytes: u64,
    index: Vec<Option<IndexLine>>,
    /// The start of the line being written, kept for its memory.
    line: Vec<u8>,
}

/// A spool whose frame is complete, read from its start.
pub(crate) struct Finished {
    pub(crate) file: File,
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
        let encoder = begin(&path).map_err(|error| refusal(&path, error))?;
        Ok(Self { path, encoder, digest: Xxh3::new(), raw_bytes: 0, index: Vec::new(), line: Vec::new() })
    }

    /// Writes a line and hands it to the system. After an error the frame is broken, and with it the spool.
    pub(crate) fn append(&mut self, entry: &Entry) -> Result<()> {
        if self.index.len() >= MAX_RECORDS {
            return Err(Error::new(Kind::Protocol, "the open segment was not cut in time"));
        }
        envelope::start(entry, &mut self.line);
        let parts = [&self.line, envelope::data(entry), envelope::END];
        for part in parts {
            self.encoder.write_all(part).map_err(|error| unwritable(&self.path, error))?;
            self.digest.update(part);
            self.raw_bytes += part.len() as u64;
        }
        self.encoder.flush().map_err(|error| unwritable(&self.path, error))?;
        let Entry { stream, key, op, time, .. } = entry;
        self.index.push(Some(IndexLine { stream: stream.clone(), key: key.clone(), op: *op, time: *time }));
        Ok(())
    }

    pub(crate) fn raw_bytes(&self) -> u64 {
        self.raw_bytes
    }

    /// Ends the frame.
    pub(crate) fn finish(self) -> Result<Finished> {
        let rewound = self.encoder.finish().and_then(|mut file| file.rewind().map(|()| file));
        let file = rewound.map_err(|error| unwritable(&self.path, error))?;
        let checksum = self.digest.digest128();
        Ok(Finished { file, contents: Contents { raw_bytes: self.raw_bytes, checksum, index: self.index } })
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

fn begin(path: &Path) -> io::Result<Encoder<'static, File>> {
    let mut file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
    file.write_all(&frame::token_frame(&new_token()))?;
    let mut encoder = Encoder::new(file, frame::LEVEL)?;
    encoder.include_checksum(true)?;
    encoder.window_log(WINDOW_LOG)?;
    Ok(encoder)
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
    failure::storage(path, "cannot write the journal's open segment", error)
}
