//! Compaction: of each record the last version stays, and the mark of its deletion; what came before is dropped.
//!
//! Only among segments that every destination has passed, and never a line: positions stay what they were, so that a
//! destination that is added later gets the same rows as the others have.

use std::collections::{BTreeSet, HashMap};

use clarion_core::{
    IndexLine, Op, Position, RecordKey, Result, SegmentHeader, SegmentNo, StreamName, check_journal, fault,
};
use serde::Serialize;

use crate::engine::{Engine, Writer};
use crate::identity;
use crate::recover::recover;
use crate::rewrites::Rewrites;

/// What a compaction did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Compacted {
    /// The last segment that every destination has passed: later ones are left alone.
    pub up_to: SegmentNo,
    pub rewritten_segments: u64,
    pub dropped_records: u64,
    /// Stored size of the journal.
    pub bytes_before: u64,
    pub bytes_after: u64,
}

impl Engine {
    /// Drops what no destination will ever ask for again. No request.
    ///
    /// A destination that cannot be asked how far it is fails the compaction before anything is changed.
    pub async fn compact(&self, writer: &Writer) -> Result<Compacted> {
        recover(&self.stores, writer).await?;
        let segments = self.stores.state.segments(0).await?;
        let last = segments.last().map_or(0, |segment| segment.number);
        let stored: u64 = segments.iter().map(|segment| segment.stored_bytes).sum();
        let up_to = self.passed(last).await?;
        let mut done = Compacted { up_to, bytes_before: stored, bytes_after: stored, ..Compacted::default() };
        let last_versions = self.last_versions(up_to).await?;
        let mut rewrites = Rewrites::new(&self.stores, writer);
        for before in segments.iter().take_while(|segment| segment.number <= up_to) {
            self.stores.stop.check()?;
            let header = self.stores.journal.header(before.number).await?;
            let drop = last_versions.superseded(before.number, &header);
            if drop.is_empty() {
                continue;
            }
            let after = rewrites.drop_lines(before.number, &drop).await?;
            done.rewritten_segments += 1;
            done.dropped_records += drop.len() as u64;
            done.bytes_after = done.bytes_after + after.stored_bytes - before.stored_bytes;
        }
        rewrites.end().await?;
        Ok(done)
    }

    /// The last segment that every destination has loaded.
    async fn passed(&self, last: SegmentNo) -> Result<SegmentNo> {
        let journal = identity::of(&self.stores).await?;
        let mut passed = last;
        for destination in &self.destinations {
            let name = destination.name();
            let state = destination.inspect().await.map_err(|error| error.with("destination", name))?;
            check_journal(state.journal.as_ref(), &journal, name)?;
            passed = passed.min(state.position.segment);
        }
        Ok(passed)
    }

    async fn last_versions(&self, up_to: SegmentNo) -> Result<LastVersions> {
        let mut versions = LastVersions::default();
        for number in 1..=up_to {
            versions.note(number, &self.stores.journal.header(number).await?);
        }
        Ok(versions)
    }
}

/// Where the last version of each record is.
#[derive(Default)]
struct LastVersions(HashMap<StreamName, HashMap<RecordKey, Last>>);

/// A record that was deleted keeps its last version, which its mark of deletion goes with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Last {
    version: Option<Position>,
    tombstone: Option<Position>,
}

impl LastVersions {
    /// Segments are noted in their order.
    fn note(&mut self, number: SegmentNo, header: &SegmentHeader) {
        for (position, record) in records(number, header) {
            let last =
                self.0.entry(record.stream.clone()).or_default().entry(record.key.clone()).or_default();
            if fault::defect("pipeline.compact_keeps_the_first") && last.version.is_some() {
                continue;
            }
            match record.op {
                Op::Upsert => *last = Last { version: Some(position), tombstone: None },
                Op::Delete => last.tombstone = Some(position),
            }
        }
    }

    /// The lines of a segment whose records have a later version.
    fn superseded(&self, number: SegmentNo, header: &SegmentHeader) -> BTreeSet<u32> {
        let stays = |position: Position, record: &IndexLine| {
            let last = self.0.get(&record.stream).and_then(|keys| keys.get(&record.key));
            last.is_none_or(|last| last.version == Some(position) || last.tombstone == Some(position))
        };
        let dropped = records(number, header).filter(|(position, record)| !stays(*position, record));
        dropped.map(|(position, _)| position.line).collect()
    }
}

fn records(number: SegmentNo, header: &SegmentHeader) -> impl Iterator<Item = (Position, &IndexLine)> {
    let lines = (2_u32..).zip(&header.index);
    lines.filter_map(move |(line, record)| Some((Position::new(number, line), record.as_ref()?)))
}

#[cfg(test)]
mod tests {
    use clarion_core::{Checkpoint, RunId, Timestamp};

    use super::*;

    /// `+a` is a version of a, `-a` its deletion, `.` a record that was dropped before.
    fn header(records: &[&str]) -> SegmentHeader {
        let line = |text: &&str| {
            let (op, key) = text.split_at(1);
            let op = if op == "+" { Op::Upsert } else { Op::Delete };
            let key = RecordKey::parse(key).ok()?;
            Some(IndexLine { stream: StreamName::CALLS, key, op, time: None, deleted_at: None })
        };
        SegmentHeader {
            format: 1,
            workspace: String::new(),
            journal: None,
            run_id: RunId::new("run"),
            created_at: Timestamp::UNIX_EPOCH,
            raw_bytes: 0,
            checksum: String::new(),
            checkpoint: Checkpoint::default(),
            replaces: Vec::new(),
            index: records.iter().map(line).collect(),
        }
    }

    /// The lines that a compaction of these segments drops.
    fn dropped(segments: &[&[&str]]) -> Vec<Vec<u32>> {
        let headers: Vec<SegmentHeader> = segments.iter().map(|records| header(records)).collect();
        let mut versions = LastVersions::default();
        for (number, header) in (1..).zip(&headers) {
            versions.note(number, header);
        }
        let lines = (1..).zip(&headers).map(|(number, header)| versions.superseded(number, header));
        lines.map(|lines| lines.into_iter().collect()).collect()
    }

    #[test]
    fn of_each_record_the_last_version_stays() {
        assert_eq!(dropped(&[&["+a", "+b", "+a"], &["+c", "+b"]]), [vec![2, 3], vec![]]);
        assert_eq!(dropped(&[&["+a", "."], &[".", "+a"]]), [vec![2], vec![]]);
    }

    #[test]
    fn a_deleted_record_keeps_its_last_version_and_one_tombstone() {
        assert_eq!(dropped(&[&["+a", "+a"], &["-a", "-a"]]), [vec![2], vec![2]]);
        assert_eq!(dropped(&[&["+a", "-a"], &["+a"]]), [vec![2, 3], vec![]], "it came back");
        assert_eq!(dropped(&[&["-a"]]), [Vec::<u32>::new()]);
    }
}
