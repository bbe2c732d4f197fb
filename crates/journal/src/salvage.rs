//! What is left of an open segment whose process died: every complete record, up to the first that is not.

use bytes::Bytes;
use clarion_core::json::{Json, skim};
use clarion_core::{IndexLine, Op, StreamName, Timestamp, parse_timestamp};
use xxhash_rust::xxh3::xxh3_128;

use crate::spool::Contents;
use crate::{envelope, frame};

pub(crate) struct Salvaged {
    pub(crate) token: frame::Token,
    /// Complete record lines.
    pub(crate) lines: Bytes,
    pub(crate) contents: Contents,
    /// Bytes after the last complete record.
    pub(crate) dropped_bytes: usize,
}

/// Reads a spool as far as it goes; `None` if it holds no complete record.
pub(crate) fn salvage(spool: Bytes) -> Option<Salvaged> {
    let token = frame::token(&spool)?;
    let lines = spool.slice(frame::MARK_LEN..);
    let mut index = Vec::new();
    let mut end = 0;
    for line_end in memchr::memchr_iter(b'\n', &lines) {
        let Some(line) = index_line(&lines.slice(end..line_end)) else {
            break;
        };
        index.push(Some(line));
        end = line_end + 1;
    }
    if index.is_empty() {
        return None;
    }
    let dropped_bytes = lines.len() - end;
    let lines = lines.slice(..end);
    let contents = Contents { raw_bytes: lines.len() as u64, checksum: xxh3_128(&lines), index };
    Some(Salvaged { token, lines, contents, dropped_bytes })
}

/// What the index says of a line; `None` if the line is not whole.
fn index_line(line: &Bytes) -> Option<IndexLine> {
    let entry = envelope::parse(line, None)?;
    if entry.op == Op::Delete {
        return Some(IndexLine::of(&entry));
    }
    // A power failure may leave blocks of zeros, also within a line.
    let [time] = skim(&entry.data, ["time"]).ok()?;
    let time = time.and_then(|time| call_time(&entry.stream, time));
    Some(IndexLine { time, ..IndexLine::of(&entry) })
}

/// The time that the extractor gave the record.
fn call_time(stream: &StreamName, raw: &str) -> Option<Timestamp> {
    if *stream != StreamName::CALLS && *stream != StreamName::CALL_DETAILS {
        return None;
    }
    parse_timestamp(Json::parse(raw.as_bytes()).ok()?.as_str()?)
}
