//! Dropping records from a segment that keeps its number and its lines.

use std::collections::BTreeSet;

use clarion_core::{IndexLine, Result, SegmentHeader, SegmentInfo, SegmentNo, fault};
use xxhash_rust::xxh3::xxh3_128;

use crate::segment::{self, Segment};
use crate::store::Store;
use crate::{failure, frame};

/// What stays of a segment.
struct Kept {
    lines: Vec<u8>,
    index: Vec<Option<IndexLine>>,
}

/// Rewrites segment `number` without the records on the lines `drop`.
pub(crate) fn rewrite(store: &Store, number: SegmentNo, drop: &BTreeSet<u32>) -> Result<SegmentInfo> {
    let path = store.segment(number);
    let found = store.get(number)?;
    let old = Segment::open(&path, number, &found.bytes)?;
    let before = old.info(number);
    let Some(Kept { lines, index }) = without(&old, drop)? else {
        return Ok(before);
    };
    let records = frame::compress(&lines)
        .map_err(|error| failure::storage(&path, "cannot compress a rewritten segment", error))?;
    let mut header = SegmentHeader {
        raw_bytes: lines.len() as u64,
        checksum: segment::hex(xxh3_128(&lines)),
        index,
        ..old.header.clone()
    };
    header.replaces.push(before.checksum);
    let first = segment::header_frame(&path, number, &header)?;
    let stored = store.replace(number, &[&first, old.token()?, &records], &found.version)?;
    Ok(segment::info(number, &header, stored.bytes, stored.checksum))
}

/// The lines and their index without those of `drop`; `None` if no record is on one of them.
fn without(old: &Segment<'_>, drop: &BTreeSet<u32>) -> Result<Option<Kept>> {
    let mut index = old.header.index.clone();
    let dropped = (2_u32..).zip(&index).any(|(line, record)| record.is_some() && drop.contains(&line));
    if !dropped {
        return Ok(None);
    }
    let raw = old.lines()?;
    let mut lines = Vec::with_capacity(raw.len());
    let mut from = 0;
    let mut count = 0;
    for (line, end) in (2_u32..).zip(memchr::memchr_iter(b'\n', &raw)) {
        let record = index.get_mut(count).ok_or_else(|| old.altered())?;
        if drop.contains(&line) {
            *record = None;
            lines.push(b'\n');
        } else {
            lines.extend_from_slice(&raw[from..=end]);
        }
        from = end + 1;
        count += 1;
    }
    if count != index.len() {
        return Err(old.altered());
    }
    if fault::defect("journal.lines_move_up") {
        lines = lines
            .split_inclusive(|byte| *byte == b'\n')
            .filter(|line| line.len() > 1)
            .flatten()
            .copied()
            .collect();
        index.retain(Option::is_some);
    }
    Ok(Some(Kept { lines, index }))
}
