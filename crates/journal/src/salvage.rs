//! What is left of an open segment whose process died: every complete record, up to the first that is not.

use bytes::Bytes;
use clarion_core::json::Json;
use clarion_core::{Entry, IndexLine, Op, StreamName, Timestamp, parse_timestamp};
use xxhash_rust::xxh3::xxh3_128;
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use crate::spool::Contents;
use crate::{envelope, frame};

/// A zstd block is never larger.
const BLOCK_BYTES: usize = 128 * 1024;

pub(crate) struct Salvaged {
    pub(crate) token: frame::Token,
    /// Complete record lines.
    pub(crate) lines: Vec<u8>,
    pub(crate) contents: Contents,
    /// Decoded bytes after the last complete record.
    pub(crate) dropped_bytes: usize,
}

/// Reads a spool as far as it goes; `None` if it holds no complete record.
pub(crate) fn salvage(spool: &[u8]) -> Option<Salvaged> {
    let token = frame::token(spool)?;
    let decoded = Bytes::from(decode(&spool[frame::MARK_LEN..]));
    let mut index = Vec::new();
    let mut end = 0;
    for line_end in memchr::memchr_iter(b'\n', &decoded) {
        let Some(line) = index_line(&decoded.slice(end..line_end)) else {
            break;
        };
        index.push(Some(line));
        end = line_end + 1;
    }
    if index.is_empty() {
        return None;
    }
    let lines = decoded[..end].to_vec();
    let contents = Contents { raw_bytes: lines.len() as u64, checksum: xxh3_128(&lines), index };
    Some(Salvaged { token, lines, contents, dropped_bytes: decoded.len() - end })
}

/// Decodes block by block, so that a damaged one costs none before it.
fn decode(frame: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let Ok(mut decoder) = Decoder::new() else {
        return decoded;
    };
    let mut block = vec![0; BLOCK_BYTES];
    let mut input = frame;
    // How much the decoder wants next: 0 at the frame's end.
    let mut wanted = 1;
    while wanted > 0 {
        let length = wanted.min(input.len());
        let mut fed = InBuffer::around(&input[..length]);
        let mut output = OutBuffer::around(block.as_mut_slice());
        let Ok(hint) = decoder.run(&mut fed, &mut output) else {
            break;
        };
        decoded.extend_from_slice(output.as_slice());
        input = &input[fed.pos()..];
        if length == 0 && output.pos() == 0 {
            break;
        }
        wanted = hint;
    }
    decoded
}

/// What the index says of a line; `None` if the line is not whole.
fn index_line(line: &Bytes) -> Option<IndexLine> {
    let Entry { stream, key, op, data, .. } = envelope::parse(line, None)?;
    if op == Op::Delete {
        return Some(IndexLine { stream, key, op, time: None });
    }
    // A power failure may leave blocks of zeros; the checksum that would tell stood at the frame's end.
    let json = Json::parse(&data).ok()?;
    let time = call_time(&stream, &json);
    Some(IndexLine { stream, key, op, time })
}

/// The time that the extractor gave the record.
fn call_time(stream: &StreamName, record: &Json<'_>) -> Option<Timestamp> {
    if *stream != StreamName::CALLS && *stream != StreamName::CALL_DETAILS {
        return None;
    }
    parse_timestamp(record.get("time")?.as_str()?)
}
