//! A numbered segment: how it is put together, and everything that is checked when it is read.

use bytes::Bytes;
use clarion_core::{Entry, Error, IndexLine, Kind, Result, SegmentHeader, SegmentInfo, SegmentNo};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use crate::{envelope, failure, frame};

/// Of the segment's layout; raised when an older reader would misread it.
pub(crate) const FORMAT: u32 = 1;

/// A segment whose every byte is as it was sealed.
pub(crate) struct Segment<'a> {
    path: &'a str,
    pub(crate) header: SegmentHeader,
    /// Token and record frames.
    body: &'a [u8],
    file: &'a [u8],
}

/// Line 1 as it is written. The number is not in the port's header: it lets a misnamed file be told.
#[derive(Serialize)]
struct FirstLine<'a> {
    segment: SegmentNo,
    #[serde(flatten)]
    header: &'a SegmentHeader,
}

/// What must be known of line 1 before the rest of it is believed.
#[derive(Deserialize)]
struct Identity {
    segment: SegmentNo,
    format: u32,
}

impl<'a> Segment<'a> {
    /// Checks the file's seal and reads its header.
    pub(crate) fn open(path: &'a str, number: SegmentNo, file: &'a [u8]) -> Result<Self> {
        let sealed = frame::unseal(file)
            .ok_or_else(|| failure::corrupt(path, "a journal segment is torn or altered"))?;
        let length = frame::first_frame_len(sealed).ok_or_else(|| bad_header(path))?;
        let (header, body) = sealed.split_at(length);
        Ok(Self { path, header: read_header(path, number, header)?, body, file })
    }

    pub(crate) fn info(&self, number: SegmentNo) -> SegmentInfo {
        info(number, &self.header, self.file.len() as u64, xxh3_128(self.file))
    }

    /// The records, each a slice of one buffer.
    pub(crate) fn entries(&self) -> Result<Vec<Option<Entry>>> {
        let altered = || self.altered();
        let raw = Bytes::from(self.lines()?);
        let mut entries = Vec::with_capacity(self.header.index.len());
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', &raw) {
            let index = self.header.index.get(entries.len()).ok_or_else(altered)?;
            entries.push(read_line(&raw.slice(from..end), index.as_ref()).ok_or_else(altered)?);
            from = end + 1;
        }
        let complete = from == raw.len() && entries.len() == self.header.index.len();
        if complete { Ok(entries) } else { Err(altered()) }
    }

    /// The record lines as they were written.
    pub(crate) fn lines(&self) -> Result<Vec<u8>> {
        let raw = self.decompress().filter(|raw| hex(xxh3_128(raw)) == self.header.checksum);
        raw.ok_or_else(|| self.altered())
    }

    /// The frame that tells which open segment this one was made from.
    pub(crate) fn token(&self) -> Result<&'a [u8]> {
        let token = self.body.get(..frame::MARK_LEN).filter(|bytes| frame::token(bytes).is_some());
        token.ok_or_else(|| self.altered())
    }

    pub(crate) fn altered(&self) -> Error {
        failure::corrupt(self.path, "a journal segment's records do not match its header")
    }

    /// The record lines, if they have the length that the header says.
    fn decompress(&self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.header.raw_bytes).ok()?;
        let mut raw = Vec::with_capacity(length);
        zstd::bulk::Decompressor::new().ok()?.decompress_to_buffer(self.body, &mut raw).ok()?;
        (raw.len() == length).then_some(raw)
    }
}

/// The frame that a segment begins with.
pub(crate) fn header_frame(path: &str, number: SegmentNo, header: &SegmentHeader) -> Result<Vec<u8>> {
    let mut line =
        serde_json::to_vec(&FirstLine { segment: number, header }).expect("a header is plain JSON");
    line.push(b'\n');
    frame::compress(&line)
        .map_err(|error| failure::storage(path, "cannot compress a segment's header", error))
}

/// Reads the frame that a segment begins with.
pub(crate) fn read_header(path: &str, number: SegmentNo, frame: &[u8]) -> Result<SegmentHeader> {
    let line = zstd::stream::decode_all(frame).map_err(|error| bad_header(path).source(error))?;
    let identity: Identity = serde_json::from_slice(&line).map_err(|error| bad_header(path).source(error))?;
    if identity.segment != number {
        return Err(failure::corrupt(path, "a journal segment has the name of another")
            .with("written_as", identity.segment));
    }
    if identity.format > FORMAT {
        return Err(Error::new(Kind::Config, "a journal segment was written by a newer version")
            .with("segment", path)
            .with("format", identity.format)
            .hint("use the version of clarion that wrote it, or a later one"));
    }
    serde_json::from_slice(&line).map_err(|error| bad_header(path).source(error))
}

/// What the state store remembers of a segment with this header, given the size and the checksum of its file.
pub(crate) fn info(
    number: SegmentNo,
    header: &SegmentHeader,
    stored_bytes: u64,
    checksum: u128,
) -> SegmentInfo {
    let (records, raw_bytes) = (record_count(header), header.raw_bytes);
    SegmentInfo { number, records, raw_bytes, stored_bytes, checksum: hex(checksum) }
}

/// Lines after the header, those of dropped records too: what positions count.
pub(crate) fn record_count(header: &SegmentHeader) -> u32 {
    u32::try_from(header.index.len()).expect("a line is 24 bits of a position")
}

/// How checksums are written.
pub(crate) fn hex(checksum: u128) -> String {
    format!("{checksum:032x}")
}

pub(crate) fn bad_header(path: &str) -> Error {
    failure::corrupt(path, "a journal segment's header is torn or altered")
}

/// The record of a line; `None` if line and index do not speak of the same.
fn read_line(line: &Bytes, index: Option<&IndexLine>) -> Option<Option<Entry>> {
    let Some(index) = index else {
        return line.is_empty().then_some(None);
    };
    let entry = envelope::parse(line, index.time)?;
    let same = entry.key == index.key && entry.stream == index.stream && entry.op == index.op;
    same.then_some(Some(entry))
}
