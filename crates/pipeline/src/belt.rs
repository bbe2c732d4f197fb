//! From the journal into a destination: reading, normalising and writing at the same time.

use bytes::Bytes;
use clarion_core::{
    ChangeSet, Contract, Entry, Error, Event, Gone, Item, Kind, Load, LoadReport, Normalise, Novelty,
    Position, RejectedValue, Result, RunId, Timestamp,
};
use tokio::task::JoinHandle;

use crate::engine::Stores;
use crate::load_plan::{LoadPlan, Unit};

/// Raw JSON normalised at a time.
const CHUNK_BYTES: usize = 2 << 20;
/// Raw JSON held back so that segments which overlap in time still come out sorted.
const CARRY_BYTES: usize = 6 << 20;

/// A record in hand.
struct Held {
    entry: Entry,
    position: Position,
    run: RunId,
    /// When, where and by which run it was deleted after this version.
    gone: Option<(Timestamp, Position, RunId)>,
    detached: bool,
}

impl Held {
    fn item(&self) -> Item<'_> {
        let gone = self.gone.as_ref();
        let gone = gone.map(|(at, position, run_id)| Gone { at: *at, position: *position, run_id });
        Item { entry: &self.entry, position: self.position, run_id: &self.run, gone }
    }

    fn detach(&mut self) {
        if !self.detached {
            self.entry.data = Bytes::copy_from_slice(&self.entry.data);
            self.detached = true;
        }
    }
}

type Normalised = (Box<dyn Normalise>, ChangeSet);

/// Reads, normalises and writes at the same time: while one chunk is written the next is normalised.
pub(crate) struct Belt<'e> {
    stores: &'e Stores,
    name: String,
    load: Box<dyn Load>,
    normaliser: Option<Box<dyn Normalise>>,
    running: Option<JoinHandle<Normalised>>,
    rejected: Vec<RejectedValue>,
    frozen: Option<Position>,
}

impl<'e> Belt<'e> {
    pub(crate) fn new(
        stores: &'e Stores,
        name: String,
        load: Box<dyn Load>,
        normaliser: Box<dyn Normalise>,
    ) -> Self {
        Self {
            stores,
            name,
            load,
            normaliser: Some(normaliser),
            running: None,
            rejected: Vec::new(),
            frozen: None,
        }
    }

    pub(crate) async fn carry_out(&mut self, plan: &LoadPlan) -> Result<()> {
        let mut carry: Vec<Held> = Vec::new();
        for (at, unit) in plan.units.iter().enumerate() {
            self.stores.stop.check()?;
            read(self.stores, plan, unit, &mut carry).await?;
            carry.sort_by(|a, b| (a.entry.time, &a.entry.key).cmp(&(b.entry.time, &b.entry.key)));
            let next = plan.units.get(at + 1).filter(|next| next.stream == unit.stream);
            let ready = ready(&carry, next.and_then(|next| next.earliest));
            let mut rest = carry.split_off(ready);
            // A record is a slice of its segment: whoever waits must not keep all of that in memory.
            rest.iter_mut().for_each(Held::detach);
            let emit = std::mem::replace(&mut carry, rest);
            self.emit(emit).await?;
        }
        Ok(())
    }

    async fn emit(&mut self, held: Vec<Held>) -> Result<()> {
        let mut chunk = Vec::new();
        let mut bytes = 0;
        for record in held {
            bytes += record.entry.data.len();
            chunk.push(record);
            if bytes >= CHUNK_BYTES {
                self.push(std::mem::take(&mut chunk)).await?;
                bytes = 0;
            }
        }
        if chunk.is_empty() { Ok(()) } else { self.push(chunk).await }
    }

    async fn push(&mut self, chunk: Vec<Held>) -> Result<()> {
        let previous = self.settle().await?;
        let mut normaliser = self.normaliser.take().expect("the normaliser is back once its work is settled");
        self.running = Some(tokio::task::spawn_blocking(move || {
            let items: Vec<Item<'_>> = chunk.iter().map(Held::item).collect();
            let change = normaliser.normalise(&items);
            (normaliser, change)
        }));
        self.write(previous).await
    }

    async fn settle(&mut self) -> Result<Option<ChangeSet>> {
        let Some(running) = self.running.take() else {
            return Ok(None);
        };
        let (normaliser, change) = running
            .await
            .map_err(|error| Error::new(Kind::Storage, "normalising a chunk failed").source(error))?;
        self.normaliser = Some(normaliser);
        Ok(Some(change))
    }

    async fn write(&mut self, change: Option<ChangeSet>) -> Result<()> {
        let Some(mut change) = change else { return Ok(()) };
        self.refuse_frozen(&change.novelties)?;
        self.rejected.append(&mut change.rejected);
        let records = change.records;
        self.load.write(change).await?;
        self.stores.observer.notice(Event::Loaded { destination: self.name.clone(), records });
        Ok(())
    }

    /// Writes what is still in hand.
    pub(crate) async fn drain(&mut self) -> Result<()> {
        let last = self.settle().await?;
        self.write(last).await
    }

    /// The values that no column could hold.
    pub(crate) fn take_rejected(&mut self) -> Vec<RejectedValue> {
        std::mem::take(&mut self.rejected)
    }

    /// The record at which a frozen stream's new shape was refused.
    pub(crate) fn frozen(&self) -> Option<Position> {
        self.frozen
    }

    /// Nothing of a batch is loaded in which a frozen stream has taken another shape.
    fn refuse_frozen(&mut self, novelties: &[Novelty]) -> Result<()> {
        let frozen = novelties.iter().filter(|novelty| novelty.under == Contract::Freeze);
        let Some(novelty) = frozen.min_by_key(|novelty| novelty.position) else {
            return Ok(());
        };
        self.frozen = Some(novelty.position);
        Err(Error::new(Kind::Conflict, "the shape of a frozen stream has changed")
            .with("stream", &novelty.stream)
            .with("table", &novelty.table)
            .with("field", &novelty.field)
            .with("seen", &novelty.seen)
            .with("position", novelty.position)
            .hint(format!(
                "this destination, all of its streams, waits before the journal segment of this position, and nothing is \
                 lost: set `contract` in [streams.{}] to \"evolve\" to take it, or to \"discard\" to leave it out, and \
                 run `clarion load`",
                novelty.stream
            )))
    }

    /// Commits up to `to` what was drained.
    pub(crate) async fn commit(self, to: Position) -> Result<LoadReport> {
        let report = self.load.commit(to).await?;
        self.stores.observer.notice(Event::LoadFinished { destination: self.name });
        Ok(report)
    }
}

async fn read(stores: &Stores, plan: &LoadPlan, unit: &Unit, carry: &mut Vec<Held>) -> Result<()> {
    let mut entries = stores.journal.read(unit.segment).await?;
    for line in &unit.lines {
        let entry = entries.get_mut(*line as usize - 2).and_then(Option::take);
        let entry = entry.ok_or_else(|| {
            Error::new(Kind::Corrupt, "a segment's index names a record that is not there")
                .with("position", Position::new(unit.segment, *line))
        })?;
        let position = Position::new(unit.segment, *line);
        let gone = plan.gone.get(&position);
        let gone = gone.map(|(at, deleted)| (*at, *deleted, plan.runs[&deleted.segment].clone()));
        let run = plan.runs[&unit.segment].clone();
        carry.push(Held { entry, position, run, gone, detached: false });
    }
    Ok(())
}

/// How many of the sorted records come before everything that is still to be read.
fn ready(carry: &[Held], next: Option<Timestamp>) -> usize {
    let Some(next) = next else { return carry.len() };
    let held: usize = carry.iter().map(|record| record.entry.data.len()).sum();
    if held > CARRY_BYTES {
        return carry.len();
    }
    carry.partition_point(|record| record.entry.time.is_none_or(|time| time < next))
}
