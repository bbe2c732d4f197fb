//! Removing a call for good, everywhere: first a mark, so that it does not come back; then its rows, its records in the
//! journal, and what is known of it. Killed anywhere, or with a destination down, it is finished by doing it again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use clarion_core::{
    ChangedKeys, Error, IndexLine, PurgeSpec, RecordKey, Result, SegmentNo, StreamName, fault,
};
use serde::Serialize;

use crate::engine::{Engine, Writer};
use crate::identity;
use crate::recover::recover;
use crate::rewrites::Rewrites;

/// The streams whose records are keyed by a call's id.
const STREAMS: [StreamName; 2] = [StreamName::CALLS, StreamName::CALL_DETAILS];

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
    /// Removes a call. No request; the report does not name it.
    ///
    /// A destination that fails does not keep the call in the others, nor in journal and state store.
    pub async fn purge(&self, writer: &Writer, call: &RecordKey) -> Result<Purge> {
        recover(&self.stores, writer).await?;
        self.mark(writer, call).await?;
        fault::point("pipeline.purge_marked");
        let keys: ChangedKeys = STREAMS.map(|stream| (stream, HashSet::from([call.clone()]))).into();
        let keys = Arc::new(keys);
        let mut done = Purge::default();
        self.purge_destinations(writer, &keys, &mut done).await?;
        done.journal = self.purge_journal(writer, &keys).await?;
        fault::point("pipeline.purged_journal");
        self.stores.state.purge(writer.fence, &keys).await?;
        Ok(done)
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

    async fn purge_journal(&self, writer: &Writer, keys: &ChangedKeys) -> Result<PurgedJournal> {
        let mut done = PurgedJournal::default();
        let mut rewrites = Rewrites::new(&self.stores, writer);
        for segment in self.stores.state.segments(0).await? {
            let lines = self.lines_of(segment.number, keys).await?;
            if lines.is_empty() {
                continue;
            }
            rewrites.drop_lines(segment.number, &lines).await?;
            done.segments += 1;
            done.records += lines.len() as u64;
        }
        rewrites.end().await?;
        Ok(done)
    }

    async fn lines_of(&self, segment: SegmentNo, keys: &ChangedKeys) -> Result<BTreeSet<u32>> {
        let header = self.stores.journal.header(segment).await?;
        let is_one =
            |record: &IndexLine| keys.get(&record.stream).is_some_and(|keys| keys.contains(&record.key));
        let lines = (2_u32..).zip(&header.index);
        let found = lines.filter(|(_, record)| record.as_ref().is_some_and(is_one));
        Ok(found.map(|(line, _)| line).collect())
    }
}
