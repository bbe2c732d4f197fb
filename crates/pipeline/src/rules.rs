//! Column rules over time: the key that values are hashed with stays the same, and a change of rules is told.

use clarion_core::{
    Error, Kind, Outcome, Progress, Result, RuleMemory, RunRecord, StreamMemory, StreamName, Timestamp,
};
use serde::Serialize;

use crate::calls::history_is_open;
use crate::engine::{Engine, Writer};
use crate::generation::{self, waits_for_its_turn};

/// Syncs that are searched for a full one.
const FULL_SYNCS: u32 = 500;

/// The column rules of a stream, for `status`.
#[derive(Debug, Serialize)]
pub struct RuleStatus {
    pub stream: StreamName,
    /// Since when they are in force, where the journal has records of before.
    pub changed_at: Option<Timestamp>,
    /// Whether records of before are still the last version of their keys.
    pub outdated: bool,
    /// Paths that no record has had so far.
    pub never_met: Vec<String>,
}

impl Engine {
    /// Remembers the rules in force; says what changed. Comes before any request of a run.
    ///
    /// # Errors
    /// `Config` if values were hashed with another key before.
    pub(crate) async fn take_up_rules(&self, writer: &Writer, accept_key: bool) -> Result<Vec<String>> {
        let state = &self.stores.state;
        let before = state.rules().await?;
        let mark = self.stores.rules.key_mark();
        if mark.is_some() && before.key.is_some() && before.key != mark && !accept_key {
            return Err(other_key());
        }
        let mut memory = RuleMemory { key: mark.or_else(|| before.key.clone()), ..before.clone() };
        let digests = self.stores.rules.digests();
        let streams = before.streams.keys().chain(digests.keys()).cloned();
        let mut changes = Vec::new();
        for stream in streams.collect::<std::collections::BTreeSet<_>>() {
            let digest = digests.get(&stream).copied();
            let known = memory.streams.entry(stream.clone()).or_default();
            if known.digest == digest {
                continue;
            }
            let has_records = state.count_known(&stream).await? > 0;
            let since = has_records.then(|| self.stores.clock.now());
            *known = StreamMemory { digest, since, ..StreamMemory::default() };
            if has_records {
                changes.push(changed(&stream));
            }
        }
        self.remember_rules(writer, &before, memory).await?;
        Ok(changes)
    }

    /// Remembers which rules were met in this run; names those that never were.
    pub(crate) async fn note_rules(&self, writer: &Writer) -> Result<Vec<String>> {
        let before = self.stores.state.rules().await?;
        let mut memory = before.clone();
        for (stream, (seen, met)) in self.stores.rules.met() {
            let known = memory.streams.entry(stream).or_default();
            known.seen |= seen > 0;
            known.met.extend(met);
        }
        self.remember_rules(writer, &before, memory.clone()).await?;
        let streams = memory.streams.keys();
        Ok(streams
            .flat_map(|stream| self.never_met(&memory, stream).map(|path| unmet(stream, &path)))
            .collect())
    }

    pub(crate) async fn rule_status(&self) -> Result<Vec<RuleStatus>> {
        let memory = self.stores.state.rules().await?;
        let mut status = Vec::new();
        for (stream, known) in &memory.streams {
            if known.digest.is_none() && known.since.is_none() {
                continue;
            }
            let outdated = match known.since {
                Some(since) => !self.is_renewed(stream, since).await?,
                None => false,
            };
            status.push(RuleStatus {
                stream: stream.clone(),
                changed_at: known.since,
                outdated,
                never_met: self.never_met(&memory, stream).collect(),
            });
        }
        Ok(status)
    }

    /// Whether everything of a stream was read again since then.
    async fn is_renewed(&self, stream: &StreamName, since: Timestamp) -> Result<bool> {
        let state = &self.stores.state;
        let cursors = state.cursors().await?;
        if crate::about::CALL_STREAMS.contains(stream) {
            let begun = cursors.get(generation::BEGUN).is_some_and(|begun| *begun >= since);
            let now = self.stores.clock.now();
            return Ok(begun
                && !history_is_open(|name| cursors.get(name).copied())
                && !waits_for_its_turn(self, state.generation().await?, now).await?);
        }
        let Some(declared) = self.stores.declared.iter().find(|declared| declared.name == *stream) else {
            return Ok(true);
        };
        if declared.by_id {
            return Ok(state.count_leads(stream, since).await?.1 == 0);
        }
        if declared.is_incremental() {
            // An ordinary read goes on where the one before ended.
            let is_full =
                |run: &RunRecord| run.kind == "sync --full" && run.outcome == Outcome::Done.as_str();
            return Ok(state
                .syncs(FULL_SYNCS)
                .await?
                .iter()
                .any(|run| is_full(run) && run.started_at >= since));
        }
        // One cursor for the stream as a whole, and one for each month that was asked for.
        let prefix = format!("{stream}.");
        Ok(cursors.iter().filter(|(name, _)| name.starts_with(&prefix)).all(|(_, at)| *at >= since))
    }

    fn never_met<'m>(
        &'m self,
        memory: &'m RuleMemory,
        stream: &'m StreamName,
    ) -> impl Iterator<Item = String> + 'm {
        let known = memory.streams.get(stream).filter(|known| known.seen);
        let paths = known.map(|_| self.stores.rules.paths(stream)).unwrap_or_default();
        paths.into_iter().filter(move |path| known.is_some_and(|known| !known.met.contains(path)))
    }

    async fn remember_rules(&self, writer: &Writer, before: &RuleMemory, after: RuleMemory) -> Result<()> {
        if *before == after {
            return Ok(());
        }
        let progress = Progress { rules: Some(after), ..Progress::default() };
        self.stores.state.commit(writer.fence, progress).await
    }
}

fn changed(stream: &StreamName) -> String {
    format!(
        "the column rules of {stream} changed: what was journalled before is as it was until it is fetched again \
         (`clarion sync --full`), and stays in the journal until `clarion journal compact`"
    )
}

fn unmet(stream: &StreamName, path: &str) -> String {
    format!(
        "streams.{stream}: no record so far has the field {path:?} of a column rule; is it spelled as the vendor does?"
    )
}

fn other_key() -> Error {
    Error::new(Kind::Config, "the key for hashing columns is not the one that values were hashed with before").hint(
        "set CLARION_HASH_KEY or privacy.hash_key_file back to the earlier key, or nothing hashed with the new one joins \
         with what is there; if the earlier key is lost, `clarion sync --full --accept-hash-key` fetches everything again",
    )
}
