//! The last version of each record as the journal's headers tell it, up to a position.

use std::collections::{BTreeMap, HashMap};

use clarion_core::{
    Journal, Op, Position, RecordKey, Result, RunId, SegmentInfo, SegmentNo, StreamName, Timestamp,
    content_hash,
};

/// Records that are held in memory at once; a larger journal is gone through in shares, by the hash of the key.
const SHARE: u64 = 500_000;

/// One part of all records.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Share {
    number: u64,
    of: u64,
}

impl Share {
    /// Enough shares for the records of these segments.
    pub(crate) fn all(segments: &[SegmentInfo]) -> impl Iterator<Item = Self> + use<> {
        let records: u64 = segments.iter().map(|segment| u64::from(segment.records)).sum();
        let of = records.div_ceil(SHARE).max(1);
        (0..of).map(move |number| Self { number, of })
    }

    pub(crate) fn holds(self, key: &str) -> bool {
        self.of <= 1 || content_hash(key.as_bytes()) % self.of == self.number
    }
}

/// Where the last version of a record stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    /// Of the last version with content; `None` if there is none.
    pub(crate) content: Option<Position>,
    /// When and where it was deleted after that.
    pub(crate) gone: Option<(Timestamp, Position)>,
}

impl Version {
    /// The last line that speaks of the record.
    pub(crate) fn last(&self) -> Position {
        self.gone.map_or(self.content.unwrap_or_default(), |(_, position)| position)
    }

    /// Where a destination's row of it comes from, and whether that row is marked; `None` if it has no row.
    pub(crate) fn row(&self, keeps_deleted: bool) -> Option<(Position, bool)> {
        self.content?;
        (self.gone.is_none() || keeps_deleted).then(|| (self.last(), self.gone.is_some()))
    }
}

/// A share of the journal's records up to a position.
#[derive(Default)]
pub(crate) struct Versions {
    pub(crate) share: Share,
    pub(crate) streams: BTreeMap<StreamName, HashMap<RecordKey, Version>>,
    /// By which run each segment was written.
    pub(crate) runs: HashMap<SegmentNo, RunId>,
}

impl Versions {
    pub(crate) async fn read(
        journal: &dyn Journal,
        segments: &[SegmentInfo],
        to: Position,
        share: Share,
    ) -> Result<Self> {
        let mut versions = Self { share, ..Self::default() };
        for segment in segments.iter().filter(|segment| segment.number <= to.segment) {
            let header = journal.header(segment.number).await?;
            versions.runs.insert(segment.number, header.run_id);
            for (line, record) in (2_u32..).zip(header.index) {
                let position = Position::new(segment.number, line);
                let Some(record) = record.filter(|record| position <= to && share.holds(record.key.as_str()))
                else {
                    continue;
                };
                let of_stream = versions.streams.entry(record.stream).or_default();
                let version = of_stream.entry(record.key).or_insert(Version { content: None, gone: None });
                match (record.op, record.deleted_at) {
                    (Op::Delete, at) => version.gone = Some((at.unwrap_or(header.created_at), position)),
                    (Op::Upsert, _) => *version = Version { content: Some(position), gone: None },
                }
            }
        }
        Ok(versions)
    }

    pub(crate) fn of(&self, stream: &StreamName, key: &str) -> Option<&Version> {
        // The map's keys are checked names: an empty key is none.
        let key = RecordKey::parse(key).ok()?;
        self.streams.get(stream)?.get(&key)
    }
}
