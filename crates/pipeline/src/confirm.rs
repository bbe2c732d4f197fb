//! What a details request says of a suspect: gone, or still there.

use clarion_core::{
    Error, Kind, Known, QueueEntry, Reason, Result, SourceRecord, StreamName, Timestamp, fault,
};

use crate::absent::{self, Suspects};
use crate::calls::CallsPass;
use crate::details::{Batch, DetailsPass};
use crate::{judge, privacy, tombstones};

impl DetailsPass<'_> {
    /// A 404. Of a suspect it confirms the deletion; of any other call it is noted, until a proved listing by time does
    /// not show the call either.
    pub(crate) async fn missing(&mut self, entry: &QueueEntry, batch: &Batch) -> Result<()> {
        self.failures_in_a_row = 0;
        if entry.reason != Reason::Missing {
            let suspect = batch.calls.get(&entry.key).filter(|call| absent::is_suspect(call));
            if let Some(call) = suspect.filter(|_| !fault::defect("pipeline.suspicion_lost")) {
                return self.suspect_again(call);
            }
            self.note_missing(entry, batch.calls.contains_key(&entry.key));
            return Ok(());
        }
        self.unlisted.in_a_row = 0;
        // The call itself last: whoever is killed in between finds it a suspect still.
        for versions in [&batch.details, &batch.calls] {
            if let Some(version) = versions.get(&entry.key).filter(|version| !version.gone) {
                tombstones::bury(self.recorder, self.tally, version).await?;
            }
        }
        self.recorder.done(&entry.stream, &entry.key);
        Ok(())
    }

    /// Somebody wanted it for something more urgent, which took the place of the suspicion in the queue. It is asked for
    /// once more where deletions are weighed against the guard.
    fn suspect_again(&mut self, call: &Known) -> Result<()> {
        let again = judge::queue_entry(call, Reason::Missing, self.engine.stores.clock.now());
        self.recorder.done(&again.stream, &again.key);
        self.recorder.queue(again);
        Ok(())
    }

    fn note_missing(&mut self, entry: &QueueEntry, listed: bool) {
        if listed {
            self.tally.warn(format!(
                "call {} was listed but has no details (404): it was deleted meanwhile",
                entry.key
            ));
            return self.recorder.done(&entry.stream, &entry.key);
        }
        let unknown =
            Error::new(Kind::NotFound, "asked for by notification, but the vendor has no such call");
        self.tally.warn(format!("call {}: {unknown}", entry.key));
        self.reject(entry, &unknown);
    }

    /// Counts a suspect that is where it was.
    pub(crate) fn weigh(&mut self, entry: &QueueEntry, record: &SourceRecord, batch: &Batch) {
        if self.engine.include_private && is_where_it_was(entry, record, batch) {
            self.unlisted.count += 1;
            self.unlisted.in_a_row += 1;
        } else {
            self.unlisted.in_a_row = 0;
        }
    }

    /// A suspect that is still there: it moved in time, came back, or became private.
    pub(crate) async fn find(
        &mut self,
        entry: &QueueEntry,
        record: &SourceRecord,
        batch: &Batch,
    ) -> Result<()> {
        let include_private = self.engine.include_private;
        if include_private && is_where_it_was(entry, record, batch) {
            return Ok(());
        }
        let suspects = Suspects::default();
        let mut pass =
            CallsPass { engine: self.engine, recorder: self.recorder, tally: self.tally, suspects };
        let listed = match pass.moment_of(record).await {
            Err(error) if matches!(error.kind(), Kind::Unproven | Kind::Remote | Kind::Protocol) => {
                self.tally.hole(&error);
                return Ok(());
            }
            listed => listed?,
        };
        // The list queued the details for its new time: they are here.
        self.recorder.done(&entry.stream, &entry.key);
        if include_private {
            self.look_again(entry, record);
        } else if listed.contains(&entry.key) {
            self.take(entry, record, batch).await?;
        } else {
            let flag = [(entry.key.clone(), true)];
            for stream in [StreamName::CALL_DETAILS, StreamName::CALLS] {
                privacy::pass_on(self.recorder, self.tally, &stream, &flag).await?;
            }
        }
        Ok(())
    }
}

fn is_where_it_was(entry: &QueueEntry, record: &SourceRecord, batch: &Batch) -> bool {
    // As the state store keeps times.
    let millis = |time: Timestamp| time.timestamp_millis();
    let missed_at = batch.calls.get(&entry.key).and_then(|call| call.time);
    record.time.map(millis) == missed_at.map(millis)
}
