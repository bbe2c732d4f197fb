//! What a load has to read, and in which order.
//!
//! Only the last version of each key in the range is loaded; of a record that was deleted the last version before that
//! comes with it, so that a rebuilt destination shows the same marked row as one that saw both happen. Since each key then occurs once, segments may be read
//! in any order: in the order of call times, so that rows reach the destination sorted and files hold time ranges.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use clarion_core::{
    ChangedKeys, IndexLine, Journal, Position, RecordKey, Result, RunId, SegmentInfo, SegmentNo, StreamName,
    Timestamp,
};

pub(crate) struct LoadPlan {
    pub(crate) keys: Arc<ChangedKeys>,
    /// Of one stream after the other, each in the order of time.
    pub(crate) units: Vec<Unit>,
    pub(crate) runs: HashMap<SegmentNo, RunId>,
    /// When and where records were deleted after the version that is loaded, by its position.
    pub(crate) gone: HashMap<Position, (Timestamp, Position)>,
    pub(crate) records: u64,
    /// The last line of the range.
    pub(crate) to: Position,
}

/// The records of one stream in one segment that are the last of their keys.
pub(crate) struct Unit {
    pub(crate) stream: StreamName,
    pub(crate) segment: SegmentNo,
    /// Ascending.
    pub(crate) lines: Vec<u32>,
    /// The earliest call time among them.
    pub(crate) earliest: Option<Timestamp>,
}

struct Last {
    position: Position,
    time: Option<Timestamp>,
    /// Set if the record was deleted after this version.
    gone: Option<(Timestamp, Position)>,
}

impl Last {
    /// What is to be loaded of a record whose next line is `record`.
    fn after(earlier: Option<Self>, position: Position, record: &IndexLine) -> Self {
        match (earlier, record.deleted_at) {
            (Some(earlier), Some(at)) => Self { gone: Some((at, position)), ..earlier },
            _ => Self { position, time: record.time, gone: None },
        }
    }
}

/// Reads the headers of a range of segments, not the records. With `only`, just these records are to be loaded.
pub(crate) async fn plan(
    journal: &dyn Journal,
    range: &[SegmentInfo],
    only: Option<&ChangedKeys>,
) -> Result<LoadPlan> {
    let wanted = |record: &IndexLine| {
        only.is_none_or(|only| only.get(&record.stream).is_some_and(|keys| keys.contains(&record.key)))
    };
    let mut last: HashMap<StreamName, HashMap<RecordKey, Last>> = HashMap::new();
    let mut runs = HashMap::new();
    let mut to = Position::START;
    for segment in range {
        let header = journal.header(segment.number).await?;
        runs.insert(segment.number, header.run_id);
        for (line, record) in (2_u32..).zip(header.index) {
            to = Position::new(segment.number, line);
            let Some(record) = record.filter(&wanted) else { continue };
            let of_stream = last.entry(record.stream.clone()).or_default();
            let version = Last::after(of_stream.remove(&record.key), to, &record);
            of_stream.insert(record.key, version);
        }
        to = to.max(Position::new(segment.number, 1));
    }
    let units = units(&last);
    let versions = last.values().flat_map(HashMap::values);
    let gone = versions.filter_map(|version| Some((version.position, version.gone?))).collect();
    let records = units.iter().map(|unit| unit.lines.len() as u64).sum();
    let keys = last.into_iter().map(|(stream, keys)| (stream, keys.into_keys().collect())).collect();
    Ok(LoadPlan { keys: Arc::new(keys), units, runs, gone, records, to })
}

fn units(last: &HashMap<StreamName, HashMap<RecordKey, Last>>) -> Vec<Unit> {
    let mut units = Vec::new();
    for (stream, keys) in last {
        let mut segments: BTreeMap<SegmentNo, Unit> = BTreeMap::new();
        for version in keys.values() {
            let segment = version.position.segment;
            let fresh = || Unit { stream: stream.clone(), segment, lines: Vec::new(), earliest: None };
            let unit = segments.entry(segment).or_insert_with(fresh);
            unit.lines.push(version.position.line);
            unit.earliest = match (unit.earliest, version.time) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        units.extend(segments.into_values());
    }
    for unit in &mut units {
        unit.lines.sort_unstable();
    }
    units.sort_by(|a, b| (&a.stream, a.earliest, a.segment).cmp(&(&b.stream, b.earliest, b.segment)));
    units
}
