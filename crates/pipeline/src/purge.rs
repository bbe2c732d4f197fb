//! Removing a call for good, everywhere: first a mark, so that it does not come back; then its rows, its records in the
//! journal, and what is known of it. Killed anywhere, or with a destination down, it is finished by doing it again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use clarion_core::{
    ChangedKeys, Entry, Error, IndexLine, Known, Op, Position, PurgeSpec, RecordKey, Result, SegmentInfo,
    SegmentNo, StreamName, content_hash, fault,
};
use serde::Serialize;

use crate::about::{CALL_STREAMS, Mention, is_chained, key_names, mention};
use crate::engine::{Engine, Writer};
use crate::identity;
use crate::load::LoadOptions;
use crate::recorder::Recorder;
use crate::recover::recover;
use crate::rewrites::Rewrites;

/// What was removed, and from where it could not be.
#[derive(Debug, Default)]
pub struct Purge {
    pub journal: PurgedJournal,
    pub destinations: BTreeMap<String, PurgedDestination>,
    pub errors: Vec<Error>,
}

#[derive(Debug, Default, Serialize)]
pub struct PurgedJournal {
    pub segments: u64,
    pub records: u64,
}

#[derive(Debug, Default, Serialize)]
pub struct PurgedDestination {
    pub rows: u64,
    /// Why the call may still be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Engine {
    /// Removes a call, and the records of other streams that are about it. No request; the report does not name it.
    ///
    /// A destination that fails does not keep the call in the others, nor in journal and state store. Only what is about
    /// the call in other streams then stays in the journal, so that the next purge knows what to look for.
    pub async fn purge(&self, writer: &Writer, call: &RecordKey) -> Result<Purge> {
        recover(&self.stores, writer).await?;
        self.mark(writer, call).await?;
        fault::point("pipeline.purge_marked");
        let found = self.find(call).await?;
        let mut done = Purge::default();
        let kept = self.keep_the_rest(writer, &found).await?;
        fault::point("pipeline.purge_kept");
        let keys = Arc::new(found.keys);
        self.purge_destinations(writer, &keys, &mut done).await?;
        let related = if done.errors.is_empty() { found.related } else { Lines::new() };
        done.journal = self.purge_journal(writer, found.own, related).await?;
        fault::point("pipeline.purged_journal");
        let mut forgotten = keys.as_ref().clone();
        for (stream, key) in &kept {
            if let Some(keys) = forgotten.get_mut(stream) {
                keys.remove(key);
            }
        }
        self.stores.state.purge(writer.fence, &forgotten).await?;
        if !kept.is_empty() && done.errors.is_empty() {
            done.errors.extend(self.load_recovered(writer, &LoadOptions::default()).await?.errors);
        }
        Ok(done)
    }

    /// Journals anew, without the call, what named it among other things: a playlist stays, less one of its calls.
    ///
    /// Before anything is removed, and each time that a purge is done again: a destination may have lost, with the old
    /// version, the new one as well.
    async fn keep_the_rest(&self, writer: &Writer, found: &Found) -> Result<Vec<(StreamName, RecordKey)>> {
        let mut recorder = Recorder::open(&self.stores, writer).await?;
        let mut kept = Vec::new();
        for (stream, key) in &found.naming {
            let known = recorder.known(stream, std::slice::from_ref(key)).await?;
            let Some(known) = known.get(key).filter(|known| !known.gone) else { continue };
            let entries = self.stores.journal.read(known.position.segment).await?;
            let line = usize::try_from(known.position.line).unwrap_or(0);
            let entry = line.checked_sub(2).and_then(|index| entries.get(index)?.as_ref());
            let Some(entry) = entry.filter(|entry| entry.key == *key && entry.stream == *stream) else {
                continue;
            };
            let data = match mention(&entry.data, |id| id == found.call.as_str())
                .chained(found.chained.contains(stream))
            {
                Mention::Whole => continue,
                Mention::None => entry.data.clone(),
                Mention::Among(rest) => rest.into(),
            };
            let next = Known { hash: content_hash(&data), ..known.clone() };
            recorder.write(&Entry { data, ..entry.clone() }, next).await?;
            kept.push((stream.clone(), key.clone()));
        }
        recorder.flush().await?;
        Ok(kept)
    }

    /// From here on the call is passed over wherever it turns up.
    async fn mark(&self, writer: &Writer, call: &RecordKey) -> Result<()> {
        if fault::defect("pipeline.purge_without_mark") {
            return Ok(());
        }
        let before = (self.stores.journal.purged().await?, self.stores.state.purged().await?);
        let Some(mut purged) = before.0.clone() else { return Ok(()) };
        purged.add(call);
        identity::remember_purged(&self.stores, writer, purged, before).await
    }

    async fn purge_destinations(
        &self,
        writer: &Writer,
        keys: &Arc<ChangedKeys>,
        done: &mut Purge,
    ) -> Result<()> {
        let spec = PurgeSpec {
            run_id: writer.run.clone(),
            fence: writer.fence,
            journal: identity::of(&self.stores).await?,
            at: self.stores.clock.now(),
            keys: keys.clone(),
        };
        for destination in &self.destinations {
            let name = destination.name().to_owned();
            let purged = match destination.purge(spec.clone()).await {
                Ok(rows) => PurgedDestination { rows, error: None },
                Err(error) => {
                    let purged = PurgedDestination { rows: 0, error: Some(error.chain()) };
                    done.errors.push(error);
                    purged
                }
            };
            done.destinations.insert(name, purged);
            fault::point("pipeline.purged_destination");
        }
        Ok(())
    }

    async fn purge_journal(&self, writer: &Writer, mut lines: Lines, more: Lines) -> Result<PurgedJournal> {
        for (segment, more) in more {
            lines.entry(segment).or_default().extend(more);
        }
        let mut done = PurgedJournal::default();
        let mut rewrites = Rewrites::new(&self.stores, writer);
        for (segment, lines) in lines {
            rewrites.drop_lines(segment, &lines).await?;
            done.segments += 1;
            done.records += lines.len() as u64;
        }
        rewrites.end().await?;
        Ok(done)
    }

    async fn find(&self, call: &RecordKey) -> Result<Found> {
        let declared = &self.stores.declared;
        let mut found = Found {
            call: call.clone(),
            keys: CALL_STREAMS.map(|stream| (stream, HashSet::from([call.clone()]))).into(),
            own: Lines::new(),
            related: Lines::new(),
            naming: BTreeSet::new(),
            chained: declared
                .iter()
                .filter(|stream| is_chained(stream, declared))
                .map(|stream| stream.name.clone())
                .collect(),
        };
        for SegmentInfo { number, .. } in self.stores.state.segments(0).await? {
            let header = self.stores.journal.header(number).await?;
            let is_other = |record: &IndexLine| !CALL_STREAMS.contains(&record.stream);
            // What a record says is of interest in other streams only.
            let mut entries = match header.index.iter().flatten().any(is_other) {
                true => self.stores.journal.read(number).await?,
                false => Vec::new(),
            };
            entries.resize(header.index.len(), None);
            for (line, (record, entry)) in (2_u32..).zip(header.index.into_iter().zip(entries)) {
                if let Some(record) = record {
                    found.note(Position::new(number, line), record, entry.as_ref());
                }
            }
        }
        Ok(found)
    }
}

/// Lines by segment.
type Lines = BTreeMap<SegmentNo, BTreeSet<u32>>;

/// What the journal has of a call.
struct Found {
    call: RecordKey,
    keys: ChangedKeys,
    /// Of the call itself.
    own: Lines,
    /// Of records in other streams that are about it, or name it among other things.
    related: Lines,
    /// Those that name it among other things.
    naming: BTreeSet<(StreamName, RecordKey)>,
    /// Streams that are asked for by a call's id.
    chained: HashSet<StreamName>,
}

impl Found {
    fn note(&mut self, position: Position, record: IndexLine, entry: Option<&Entry>) {
        let lines = match CALL_STREAMS.contains(&record.stream) {
            true if record.key == self.call => &mut self.own,
            false if self.is_related(&record, entry) => &mut self.related,
            _ => return,
        };
        lines.entry(position.segment).or_default().insert(position.line);
        self.keys.entry(record.stream).or_default().insert(record.key);
    }

    fn is_related(&mut self, record: &IndexLine, entry: Option<&Entry>) -> bool {
        if record.op == Op::Delete {
            return key_names(&record.key, &self.call);
        }
        let said = entry.map_or(Mention::None, |entry| mention(&entry.data, |id| id == self.call.as_str()));
        let said = said.chained(self.chained.contains(&record.stream));
        if matches!(said, Mention::Among(_)) {
            self.naming.insert((record.stream.clone(), record.key.clone()));
        }
        said != Mention::None || key_names(&record.key, &self.call)
    }
}
