//! What `journal show` tells.

use std::collections::{BTreeMap, HashMap, HashSet};

use clarion_core::{JournalId, Op, RecordKey, Result, SegmentHeader, SegmentInfo, StreamName, Timestamp};
use serde::Serialize;

use crate::engine::Engine;

#[derive(Debug, Serialize)]
pub struct JournalReport {
    pub id: Option<JournalId>,
    pub segments: Vec<SegmentReport>,
    pub totals: Totals,
    pub streams: BTreeMap<String, StreamTotals>,
    pub destinations: Vec<Standing>,
}

#[derive(Debug, Serialize)]
pub struct SegmentReport {
    pub number: u64,
    pub created_at: Timestamp,
    pub run_id: String,
    pub records: u64,
    /// Empty lines: records that compaction or a purge dropped.
    pub dropped: u64,
    pub raw_bytes: u64,
    pub stored_bytes: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct Totals {
    pub segments: u64,
    pub records: u64,
    pub dropped: u64,
    pub raw_bytes: u64,
    pub stored_bytes: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct StreamTotals {
    /// Versions, tombstones included.
    pub records: u64,
    pub tombstones: u64,
    /// Different records.
    pub keys: u64,
}

/// How far a destination has read.
#[derive(Debug, Serialize)]
pub struct Standing {
    pub name: String,
    pub position: Option<String>,
    pub segments_behind: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Engine {
    /// Reads every segment and checks it on the way.
    pub async fn journal_report(&self) -> Result<JournalReport> {
        let mut segments = Vec::new();
        let mut totals = Totals::default();
        let mut streams: BTreeMap<String, StreamTotals> = BTreeMap::new();
        let mut keys: HashMap<StreamName, HashSet<RecordKey>> = HashMap::new();
        for info in self.stores.journal.segments(0).await? {
            let header = self.stores.journal.header(info.number).await?;
            for record in header.index.iter().flatten() {
                let stream = streams.entry(record.stream.to_string()).or_default();
                stream.records += 1;
                stream.tombstones += u64::from(record.op == Op::Delete);
                if keys.entry(record.stream.clone()).or_default().insert(record.key.clone()) {
                    stream.keys += 1;
                }
            }
            let segment = segment_report(&info, header);
            totals.add(&segment);
            segments.push(segment);
        }
        let id = self.stores.journal.id().await?;
        let destinations = self.standings(totals.segments).await?;
        Ok(JournalReport { id, segments, totals, streams, destinations })
    }

    async fn standings(&self, last: u64) -> Result<Vec<Standing>> {
        let mut standings = Vec::new();
        for (name, inspected) in self.inspect_all().await? {
            standings.push(match inspected {
                Ok(state) => Standing {
                    name,
                    position: Some(state.position.to_string()),
                    segments_behind: Some(last.saturating_sub(state.position.segment)),
                    error: None,
                },
                Err(error) => {
                    Standing { name, position: None, segments_behind: None, error: Some(error.chain()) }
                }
            });
        }
        Ok(standings)
    }
}

fn segment_report(info: &SegmentInfo, header: SegmentHeader) -> SegmentReport {
    let records = header.index.iter().flatten().count() as u64;
    SegmentReport {
        number: info.number,
        created_at: header.created_at,
        run_id: header.run_id.to_string(),
        records,
        dropped: header.index.len() as u64 - records,
        raw_bytes: info.raw_bytes,
        stored_bytes: info.stored_bytes,
    }
}

impl Totals {
    fn add(&mut self, segment: &SegmentReport) {
        self.segments += 1;
        self.records += segment.records;
        self.dropped += segment.dropped;
        self.raw_bytes += segment.raw_bytes;
        self.stored_bytes += segment.stored_bytes;
    }
}
