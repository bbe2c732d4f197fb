//! A destination against the journal, at the destination's own position.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use clarion_core::{
    Audit, AuditRow, ChangeSet, ColumnNames, Destination, Deviation, Entry, Error, Gone, Item, Kind,
    Position, RecordKey, Result, RunId, SegmentNo, StreamName, TableName, TableSchema, check_journal,
    content_hash,
};

use super::journal::Sound;
use super::report::{Check, Finding};
use super::sample::Sample;
use super::versions::{Share, Version, Versions};
use crate::engine::Engine;

/// A load may end while an audit is under way; then it begins again.
const TRIES: u32 = 3;
/// Records that look wrong and are compared row by row, at most, in each table.
const SUSPECTS: usize = 200;
/// Records normalised at a time.
const CHUNK: usize = 100;

/// Compares a destination; what it finds comes table by table.
pub(crate) async fn verify(
    engine: &Engine,
    destination: &Arc<dyn Destination>,
    sound: &Sound,
    sample: usize,
) -> Result<Vec<Check>> {
    let mut tried = 0;
    loop {
        tried += 1;
        let mut audit = destination.audit().await?;
        let mut comparison = Comparison::new(engine, destination.name(), sound, sample);
        let compared = comparison.run(audit.as_mut()).await;
        match audit.finish().await {
            Err(error) if error.is_temporary() && tried < TRIES => {}
            Err(error) => return Err(error),
            Ok(()) => {
                compared?;
                return Ok(comparison.into_checks());
            }
        }
    }
}

struct Comparison<'e> {
    engine: &'e Engine,
    place: &'e str,
    sound: &'e Sound,
    sample: usize,
    checks: BTreeMap<TableName, Check>,
    files: Check,
}

/// Records of one stream that are compared row by row, and those of which a table's check has spoken already.
#[derive(Default)]
struct Closer {
    records: BTreeMap<RecordKey, Version>,
    told: HashMap<TableName, HashSet<RecordKey>>,
}

impl<'e> Comparison<'e> {
    fn new(engine: &'e Engine, place: &'e str, sound: &'e Sound, sample: usize) -> Self {
        let files = Check::of(place, "as it was left");
        Self { engine, place, sound, sample, checks: BTreeMap::new(), files }
    }

    fn into_checks(self) -> Vec<Check> {
        std::iter::once(self.files).chain(self.checks.into_values()).collect()
    }

    async fn run(&mut self, audit: &mut dyn Audit) -> Result<()> {
        let position = audit.state().position;
        self.compare_position(position);
        if let Some(journal) = self.engine.stores.journal.id().await?
            && let Err(error) = check_journal(audit.state().journal.as_ref(), &journal, self.place)
        {
            // Its positions mean nothing here.
            self.files.find(Finding::Damaged, error.to_string(), error.way_out().unwrap_or_default());
            return Ok(());
        }
        let segments = &self.sound.segments;
        for share in Share::all(segments) {
            self.engine.stores.stop.check()?;
            let journal = self.engine.stores.journal.as_ref();
            let versions = Versions::read(journal, segments, position, share).await?;
            self.compare_share(audit, &versions).await?;
        }
        self.files.compared += audit.state().schemas.len() as u64;
        for damage in audit.damages() {
            self.files.find(Finding::Damaged, damage, "");
        }
        Ok(())
    }

    /// Behind is no damage, ahead is.
    fn compare_position(&mut self, position: Position) {
        let segments = &self.sound.segments;
        let last = segments.last().map_or(0, |segment| segment.number);
        if position.segment > last {
            let detail = format!("at {position}, the journal ends with segment {last}");
            self.files.find(Finding::Damaged, "ahead of the journal", detail);
        }
        let behind = segments.iter().filter(|segment| segment.number > position.segment);
        let records: u64 = behind.map(|segment| u64::from(segment.records)).sum();
        if records > 0 {
            self.files.add(Finding::Waiting, records);
            self.files.note(format!(
                "at {position}, {records} journal record(s) behind: compared as of there; run `clarion load`"
            ));
        }
    }

    async fn compare_share(&mut self, audit: &mut dyn Audit, versions: &Versions) -> Result<()> {
        let schemas = audit.state().schemas.clone();
        let mut closer: BTreeMap<&StreamName, Closer> = BTreeMap::new();
        let streams: BTreeSet<&StreamName> =
            versions.streams.keys().chain(schemas.values().map(|schema| &schema.stream)).collect();
        for stream in streams {
            let closer = closer.entry(stream).or_default();
            self.compare_records(audit, versions, stream, closer).await?;
            for schema in
                schemas.values().filter(|schema| schema.stream == *stream && schema.parent.is_some())
            {
                self.compare_children(audit, versions, schema, closer).await?;
            }
        }
        for (stream, closer) in closer {
            self.compare_closely(audit, versions, stream, closer).await?;
        }
        Ok(())
    }

    /// Every record once, with the position of its last version.
    async fn compare_records(
        &mut self,
        audit: &mut dyn Audit,
        versions: &Versions,
        stream: &StreamName,
        closer: &mut Closer,
    ) -> Result<()> {
        let table = stream.table();
        let keeps_deleted = audit.keeps_deleted();
        let check = self.checks.entry(table.clone()).or_insert_with(|| Check::of(self.place, table.as_str()));
        let told = closer.told.entry(table.clone()).or_default();
        let mut seen: HashSet<u64> = HashSet::new();
        let mut suspects: Vec<(RecordKey, Finding, String)> = Vec::new();
        let mut show = |row: AuditRow<'_>| {
            if !versions.share.holds(row.record) {
                return;
            }
            check.compared += 1;
            let mut tell = |kind, detail: String| {
                // A row without a key belongs to no record.
                match RecordKey::parse(row.record) {
                    Ok(key) => suspects.push((key, kind, detail)),
                    Err(_) => check.find(kind, row.record, detail),
                }
            };
            let expected = versions.of(stream, row.record).and_then(|version| version.row(keeps_deleted));
            if !seen.insert(content_hash(row.record.as_bytes())) {
                tell(Finding::Doubled, String::new());
            } else if let Some(detail) = misplaced(expected, row) {
                tell(if expected.is_none() { Finding::Extra } else { Finding::Stale }, detail);
            }
        };
        audit.rows(&table, &mut show).await?;
        for (key, version) in versions.streams.get(stream).into_iter().flatten() {
            let is_there = seen.contains(&content_hash(key.as_str().as_bytes()));
            if version.row(keeps_deleted).is_some() && !is_there {
                suspects.push((key.clone(), Finding::Missing, String::new()));
            }
        }
        let unrowed = self.without_row(audit, versions, stream, &suspects).await?;
        let check = self.checks.entry(table).or_default();
        for (key, kind, detail) in suspects {
            if unrowed.contains(&key) && matches!(kind, Finding::Missing | Finding::Stale) {
                check.note(format!("{key} cannot be put into a table; see `clarion status`"));
            } else {
                check.find(kind, key.as_str(), detail);
            }
            told.insert(key);
        }
        self.choose(versions, stream, closer);
        Ok(())
    }

    /// Of the records that are missing or stale, those of which the last version makes no row.
    async fn without_row(
        &self,
        audit: &dyn Audit,
        versions: &Versions,
        stream: &StreamName,
        suspects: &[(RecordKey, Finding, String)],
    ) -> Result<HashSet<RecordKey>> {
        let mut chosen: BTreeMap<RecordKey, Version> = BTreeMap::new();
        for (key, kind, _) in suspects.iter().take(SUSPECTS) {
            let version = versions.of(stream, key.as_str());
            if let (Finding::Missing | Finding::Stale, Some(version)) = (kind, version) {
                chosen.insert(key.clone(), *version);
            }
        }
        let mut unrowed = HashSet::new();
        for (key, version) in chosen {
            let records = [(key.clone(), version)];
            let change = self.normalise(audit, versions, stream, &records).await?;
            let tables = change.tables.iter().filter(|table| table.schema.parent.is_none());
            let rows: usize = tables.map(|table| table.rows.num_rows()).sum();
            if rows == 0 && change.records > 0 {
                unrowed.insert(key);
            }
        }
        Ok(unrowed)
    }

    /// Some records at random, for the comparison row by row.
    fn choose(&self, versions: &Versions, stream: &StreamName, closer: &mut Closer) {
        let mut sample = Sample::new(self.sample);
        for (key, version) in versions.streams.get(stream).into_iter().flatten() {
            if version.content.is_some() && version.gone.is_none() {
                sample.offer(key, || *version);
            }
        }
        closer.records.extend(sample.into_keys());
    }

    /// Every child belongs to a record, has its position, and is numbered without gaps.
    async fn compare_children(
        &mut self,
        audit: &mut dyn Audit,
        versions: &Versions,
        schema: &TableSchema,
        closer: &mut Closer,
    ) -> Result<()> {
        let table = &schema.table;
        let keeps_deleted = audit.keeps_deleted();
        let check = self.checks.entry(table.clone()).or_insert_with(|| Check::of(self.place, table.as_str()));
        let told = closer.told.entry(table.clone()).or_default();
        let mut groups: HashMap<u64, Group> = HashMap::new();
        let mut show = |row: AuditRow<'_>| {
            if !versions.share.holds(row.record) {
                return;
            }
            check.compared += 1;
            let expected =
                versions.of(&schema.stream, row.record).and_then(|version| version.row(keeps_deleted));
            match misplaced(expected, row) {
                Some(detail) => {
                    let kind = if expected.is_none() { Finding::Extra } else { Finding::Stale };
                    check.find(kind, spelled(&row), detail);
                    told.extend(RecordKey::parse(row.record).ok());
                }
                None => Group::add(&mut groups, &row),
            }
        };
        audit.rows(table, &mut show).await?;
        let mut more = 0;
        for group in groups.into_values().filter(|group| !group.is_whole()) {
            let Ok(key) = RecordKey::parse(group.record) else { continue };
            let version = versions.of(&schema.stream, key.as_str());
            match version.filter(|_| closer.records.len() < self.sample + SUSPECTS) {
                Some(version) => drop(closer.records.insert(key, *version)),
                None => more += 1,
            }
        }
        if more > 0 {
            check.add(Finding::Damaged, more);
            check.note(format!("{more} more record(s) whose rows are not numbered without gaps"));
        }
        Ok(())
    }

    /// Row by row, field by field, against what the normaliser makes of the journal.
    async fn compare_closely(
        &mut self,
        audit: &mut dyn Audit,
        versions: &Versions,
        stream: &StreamName,
        closer: Closer,
    ) -> Result<()> {
        let keeps_deleted = audit.keeps_deleted();
        let has_row = |version: &Version| version.row(keeps_deleted).is_some();
        let records: Vec<(RecordKey, Version)> =
            closer.records.into_iter().filter(|(_, version)| has_row(version)).collect();
        for chunk in records.chunks(CHUNK) {
            let change = self.normalise(audit, versions, stream, chunk).await?;
            let keys: Vec<RecordKey> = chunk.iter().map(|(key, _)| key.clone()).collect();
            for table in &change.tables {
                let differences = audit.compare(&table.schema, &keys, &table.rows).await?;
                let name = &table.schema.table;
                let told = closer.told.get(name);
                let check =
                    self.checks.entry(name.clone()).or_insert_with(|| Check::of(self.place, name.as_str()));
                for difference in differences {
                    if told.is_some_and(|told| told.contains(&difference.record)) {
                        continue;
                    }
                    let (kind, detail) = match &difference.what {
                        Deviation::Missing => (Finding::Missing, String::new()),
                        Deviation::Extra => (Finding::Extra, String::new()),
                        Deviation::Columns(columns) => (Finding::Stale, columns.join(", ")),
                    };
                    check.find(kind, named(difference.record.as_str(), &difference.index), detail);
                }
            }
        }
        Ok(())
    }

    /// What the rows of these records should be; records of a damaged segment are left out.
    async fn normalise(
        &self,
        audit: &dyn Audit,
        versions: &Versions,
        stream: &StreamName,
        records: &[(RecordKey, Version)],
    ) -> Result<ChangeSet> {
        let mut by_segment: BTreeMap<SegmentNo, Vec<&(RecordKey, Version)>> = BTreeMap::new();
        for record in records {
            if let Some(position) = record.1.content {
                by_segment.entry(position.segment).or_default().push(record);
            }
        }
        let mut held: Vec<(Entry, Version)> = Vec::new();
        for (segment, records) in by_segment {
            let mut entries = match self.engine.stores.journal.read(segment).await {
                Err(error) if error.kind() == Kind::Corrupt => continue,
                read => read?,
            };
            for (key, version) in records {
                let line = version.content.map_or(0, |position| position.line as usize);
                let entry = line.checked_sub(2).and_then(|index| entries.get_mut(index)?.take());
                let entry = entry.filter(|entry| entry.key == *key && entry.stream == *stream);
                held.push((entry.ok_or_else(|| misnamed(segment, line))?, *version));
            }
        }
        let run = |position: Position| -> Result<&RunId> {
            versions.runs.get(&position.segment).ok_or_else(|| misnamed(position.segment, 1))
        };
        let mut items = Vec::with_capacity(held.len());
        for (entry, version) in &held {
            let position = version.content.unwrap_or_default();
            let gone = match version.gone {
                Some((at, position)) => Some(Gone { at, position, run_id: run(position)? }),
                None => None,
            };
            items.push(Item { entry, position, run_id: run(position)?, gone });
        }
        let now = self.engine.stores.clock.now();
        // What the tables do not have has no name to be compared with.
        let names = ColumnNames::new();
        Ok((self.engine.make_normaliser)(&audit.state().schemas, &names, now).normalise(&items))
    }
}

/// Rows of one parent whose last index should run from 0 without gaps.
#[derive(Default)]
struct Group {
    record: String,
    rows: u32,
    /// Of the hashes of their indexes: the sum over 0 to n-1 tells the set, whatever the order.
    sum: u64,
}

impl Group {
    fn add(groups: &mut HashMap<u64, Self>, row: &AuditRow<'_>) {
        let Some((last, before)) = row.index.split_last() else { return };
        let mut id = content_hash(row.record.as_bytes());
        for index in before {
            id = content_hash(&[id.to_le_bytes(), index.to_le_bytes()].concat());
        }
        let group =
            groups.entry(id).or_insert_with(|| Self { record: row.record.to_owned(), ..Self::default() });
        group.rows += 1;
        group.sum = group.sum.wrapping_add(content_hash(&last.to_le_bytes()));
    }

    fn is_whole(&self) -> bool {
        let sum = (0..i64::from(self.rows))
            .fold(0_u64, |sum, index| sum.wrapping_add(content_hash(&index.to_le_bytes())));
        sum == self.sum
    }
}

/// What is wrong with where a row says it comes from.
fn misplaced(expected: Option<(Position, bool)>, row: AuditRow<'_>) -> Option<String> {
    let Some((position, deleted)) = expected else {
        return Some("the journal has no such record".to_owned());
    };
    if row.position != Some(position) {
        let found = row.position.map_or_else(|| "nowhere".to_owned(), |found| found.to_string());
        return Some(format!("from {found}, the journal's last version is at {position}"));
    }
    match (row.deleted, deleted) {
        (false, true) => Some("deleted, and not marked".to_owned()),
        (true, false) => Some("marked as deleted, and not deleted".to_owned()),
        _ => None,
    }
}

fn spelled(row: &AuditRow<'_>) -> String {
    named(row.record, row.index)
}

fn named(record: &str, index: &[i64]) -> String {
    index.iter().fold(record.to_owned(), |name, index| format!("{name}/{index}"))
}

fn misnamed(segment: SegmentNo, line: usize) -> Error {
    Error::new(Kind::Corrupt, "a segment's index names a record that is not there")
        .with("segment", format!("{segment:012}"))
        .with("line", line)
}
