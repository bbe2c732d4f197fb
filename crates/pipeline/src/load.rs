//! Bringing destinations up to the journal.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use clarion_core::{
    ChangedKeys, ColumnNames, Destination, DestinationReport, DestinationState, Error, Event, JournalId,
    Kind, LoadReport, LoadSpec, Position, RejectedValue, Result, SegmentInfo, SegmentNo, TableName,
    TableSchema, Timestamp, check_journal, column_names, fault,
};
use serde::Serialize;

use crate::belt::Belt;
use crate::engine::{Engine, Writer};
use crate::identity;
use crate::load_plan::{LoadPlan, plan};
use crate::recorder::still_ours;
use crate::rejected;

/// Segments that one commit covers: bounds memory and the length of a transaction.
const RANGE_SEGMENTS: usize = 64;

#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Only this destination.
    pub destination: Option<String>,
    /// Rebuild it from the start of the journal.
    pub replace: bool,
    /// Load once more what was rejected.
    pub rejected: bool,
}

/// What loading did to each destination.
#[derive(Debug, Default)]
pub struct LoadOutcome {
    pub reports: BTreeMap<String, DestinationReport>,
    pub schema_changes: Vec<String>,
    pub errors: Vec<Error>,
    /// Values that could not be taken as they were, by stream and key.
    pub rejected: Vec<RejectedValue>,
    /// By destination what became of the records that were loaded once more.
    pub retried: BTreeMap<String, Retried>,
}

impl LoadOutcome {
    /// Adds a later load of the same run. What failed before and works now is no error any more.
    pub(crate) fn add(&mut self, later: Self) {
        for (name, report) in later.reports {
            let sum = self.reports.entry(name).or_default();
            for (table, rows) in report.rows {
                *sum.rows.entry(table).or_default() += rows;
            }
            sum.seconds += report.seconds;
            sum.position = report.position;
            sum.error = report.error;
        }
        self.schema_changes.extend(later.schema_changes);
        self.rejected.extend(later.rejected);
        self.retried.extend(later.retried);
        self.errors = later.errors;
    }
}

impl Engine {
    /// Loads every destination, or one; the failure of one does not stop the others.
    pub async fn load(&self, writer: &Writer, options: &LoadOptions) -> Result<LoadOutcome> {
        crate::recover::recover(&self.stores, writer).await?;
        self.load_recovered(writer, options).await
    }

    pub(crate) async fn load_recovered(&self, writer: &Writer, options: &LoadOptions) -> Result<LoadOutcome> {
        let chosen = self.chosen(options.destination.as_deref())?;
        let journal = identity::of(&self.stores).await?;
        let mut outcome = LoadOutcome::default();
        for destination in chosen {
            self.stores.stop.check()?;
            let loading = Loading {
                engine: self,
                writer,
                destination: destination.clone(),
                journal: journal.clone(),
                replace: options.replace,
                retry: options.rejected,
                again: false,
                names: ColumnNames::new(),
                frozen: None,
                report: DestinationReport::default(),
            };
            let report = loading.run(&mut outcome).await;
            outcome.reports.insert(destination.name().to_owned(), report);
        }
        Ok(outcome)
    }

    /// Every destination, or the one of this name.
    pub(crate) fn chosen(&self, name: Option<&str>) -> Result<Vec<Arc<dyn Destination>>> {
        let Some(name) = name else {
            return Ok(self.destinations.clone());
        };
        let found: Vec<_> = self.destinations.iter().filter(|known| known.name() == name).cloned().collect();
        if found.is_empty() {
            let names: Vec<&str> = self.destinations.iter().map(|known| known.name()).collect();
            return Err(Error::new(Kind::Config, "no such destination")
                .with("name", name)
                .hint(format!("the configuration has: {}", names.join(", "))));
        }
        Ok(found)
    }
}

/// What became of rejected records that were loaded once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Retried {
    /// Records read from the journal.
    pub records: u64,
    /// Those of them that are still rejected.
    pub rejected: u64,
}

/// The load of one destination.
struct Loading<'e> {
    engine: &'e Engine,
    writer: &'e Writer,
    destination: Arc<dyn Destination>,
    journal: JournalId,
    replace: bool,
    retry: bool,
    /// Whether a version of a record that the destination has is written once more.
    again: bool,
    /// The columns that fields are to have where the destination has no tables to tell.
    names: ColumnNames,
    /// The record whose new shape the last attempt refused.
    frozen: Option<Position>,
    report: DestinationReport,
}

impl Loading<'_> {
    async fn run(mut self, outcome: &mut LoadOutcome) -> DestinationReport {
        let begun = tokio::time::Instant::now();
        let mut ended = self.catch_up(outcome).await;
        if ended.is_ok() && self.retry {
            ended = self.load_rejected(outcome).await;
        }
        if let Err(error) = ended {
            let named = error.context().iter().any(|(name, _)| *name == "destination");
            let error = if named { error } else { error.with("destination", self.destination.name()) };
            self.report.error = Some(error.chain());
            outcome.errors.push(error);
        }
        self.report.seconds = begun.elapsed().as_secs_f64();
        self.report
    }

    async fn catch_up(&mut self, outcome: &mut LoadOutcome) -> Result<()> {
        let segments = self.engine.stores.state.segments(0).await?;
        let mut state = self.starting_point().await?;
        let mut frozen = None;
        loop {
            self.report.position = state.position.to_string();
            let behind = self.behind(&segments, &state)?;
            if behind.is_empty() && !self.replace {
                return self.finish_earlier(&state).await;
            }
            // A rebuild becomes visible at once, so that it is one load however long the journal is.
            let before = |end: SegmentNo| behind.partition_point(|segment| segment.number < end).max(1);
            let most = frozen.take().map_or(RANGE_SEGMENTS, before);
            let range = if self.replace { behind } else { &behind[..behind.len().min(most)] };
            let plan = plan(self.engine.stores.journal.as_ref(), range, None).await?;
            let done = self.carry_out(&plan, &state, outcome).await;
            // What comes before a frozen stream's change of shape is not to wait for it.
            frozen = self
                .frozen
                .take()
                .map(|position| position.segment)
                .filter(|_| done.is_err() && !self.replace);
            if frozen.is_some_and(|segment| range.first().is_some_and(|first| first.number < segment)) {
                continue;
            }
            done?;
            self.replace = false;
            state = self.destination.inspect().await?;
        }
    }

    /// What a killed load committed is finished by whoever begins the next one, also where there is nothing to load.
    async fn finish_earlier(&self, state: &DestinationState) -> Result<()> {
        if !state.unfinished {
            return Ok(());
        }
        still_ours(&self.engine.stores, self.writer.fence).await?;
        let spec = self.spec(state.position, Arc::default(), self.engine.stores.clock.now());
        self.destination.begin(spec).await.map(drop)
    }

    fn spec(&self, from: Position, keys: Arc<ChangedKeys>, loaded_at: Timestamp) -> LoadSpec {
        LoadSpec {
            run_id: self.writer.run.clone(),
            fence: self.writer.fence,
            journal: self.journal.clone(),
            from,
            replace: self.replace,
            again: self.again && !fault::defect("pipeline.retry_as_ever"),
            loaded_at,
            keys,
        }
    }

    /// What the destination holds; nothing if it is to be rebuilt, whatever state it is in.
    async fn starting_point(&mut self) -> Result<DestinationState> {
        if self.replace {
            let mut schemas = self.remembered().await?;
            self.names = self.known_names(&schemas).await;
            // A rebuild keeps the shape of what may not evolve.
            let contracts = self.engine.streams.contracts();
            schemas.retain(|_, schema| contracts.contains_key(&schema.stream));
            return Ok(DestinationState { schemas, ..DestinationState::default() });
        }
        let state = self.destination.inspect().await?;
        check_journal(state.journal.as_ref(), &self.journal, self.destination.name())?;
        if state.schemas.is_empty() {
            self.names = self.known_names(&state.schemas).await;
        }
        Ok(state)
    }

    /// The shapes of the tables before they are rebuilt. Only what may not evolve cannot do without them.
    async fn remembered(&self) -> Result<BTreeMap<TableName, Arc<TableSchema>>> {
        let name = self.destination.name();
        match self.destination.remembered().await {
            Err(error) if self.engine.streams.contracts().is_empty() => {
                tracing::warn!(
                    destination = name,
                    error = error.chain(),
                    "the shapes of the tables are not known"
                );
                Ok(BTreeMap::new())
            }
            Err(error) => {
                let retry = error.retry_class();
                Err(Error::new(error.kind(), "cannot tell which columns the tables had")
                    .retry(retry)
                    .with("destination", name)
                    .hint(
                        "a stream under `contract` \"freeze\" or \"discard\" is rebuilt in the shape it had: repair what the \
                         reason names, or set its `contract` to \"evolve\" for this replay",
                    )
                    .source(error))
            }
            remembered => remembered,
        }
    }

    /// The columns that fields have in the destination, and for others those in other destinations: two fields that would
    /// have one name keep theirs, in whatever order they come this time.
    async fn known_names(&self, own: &BTreeMap<TableName, Arc<TableSchema>>) -> ColumnNames {
        let mut names = column_names(own);
        for other in &self.engine.destinations {
            if other.name() == self.destination.name() {
                continue;
            }
            match other.remembered().await {
                Ok(schemas) => add_names(&mut names, column_names(&schemas)),
                Err(error) => {
                    tracing::warn!(
                        destination = other.name(),
                        error = error.chain(),
                        "its column names are not known"
                    );
                }
            }
        }
        names
    }

    /// The segments after the destination's position, which must not be ahead of the journal.
    fn behind<'s>(&self, segments: &'s [SegmentInfo], state: &DestinationState) -> Result<&'s [SegmentInfo]> {
        let last = segments.last().map_or(0, |segment| segment.number);
        if state.position.segment > last {
            return Err(Error::new(Kind::Conflict, "the destination is ahead of the journal")
                .with("position", state.position)
                .with("last segment", last)
                .hint(format!(
                    "the journal was restored from an old copy; rebuild the destination with \
                     `clarion replay --destination {}`",
                    self.destination.name()
                )));
        }
        let from = segments.partition_point(|segment| segment.number <= state.position.segment);
        Ok(&segments[from..])
    }

    /// Loads once more what was rejected as far as the destination is; without a request.
    async fn load_rejected(&mut self, outcome: &mut LoadOutcome) -> Result<()> {
        let stores = &self.engine.stores;
        let name = self.destination.name().to_owned();
        let letters = stores.state.rejected_by(Some(&name)).await?;
        if letters.is_empty() {
            return Ok(());
        }
        let keys = rejected::keys(&letters);
        let state = self.destination.inspect().await?;
        let mut segments = stores.state.segments(0).await?;
        segments.retain(|segment| segment.number <= state.position.segment);
        let mut plan = plan(stores.journal.as_ref(), &segments, Some(&keys)).await?;
        plan.to = state.position;
        if plan.records > 0 {
            self.again = true;
            self.carry_out(&plan, &state, outcome).await?;
        }
        // What is in the journal no more is nobody's trouble any more.
        let left = stores.state.rejected_by(Some(&name)).await?;
        let (left, lost): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|letter| rejected::is_among(&plan.keys, letter));
        rejected::forget(stores, self.writer, lost).await?;
        let retried = Retried { records: plan.records, rejected: rejected::records(&left) };
        outcome.retried.insert(name, retried);
        Ok(())
    }

    async fn carry_out(
        &mut self,
        plan: &LoadPlan,
        state: &DestinationState,
        outcome: &mut LoadOutcome,
    ) -> Result<()> {
        let (mut state, loaded_at) = (state.clone(), self.engine.stores.clock.now());
        let mut shapes = state.schemas.clone();
        loop {
            match self.load_plan(plan, &state, loaded_at, outcome).await {
                Err(error) if error.kind() == Kind::Conflict && error.is_temporary() => {
                    let now = self.destination.remembered().await?;
                    // A table took another shape: each time gets further, since types only ever widen.
                    if now == shapes {
                        return Err(error);
                    }
                    // What is rebuilt begins with nothing each time.
                    if self.replace {
                        add_names(&mut self.names, column_names(&now));
                    } else {
                        state.schemas.clone_from(&now);
                    }
                    shapes = now;
                }
                done => return done,
            }
        }
    }

    async fn load_plan(
        &mut self,
        plan: &LoadPlan,
        state: &DestinationState,
        loaded_at: Timestamp,
        outcome: &mut LoadOutcome,
    ) -> Result<()> {
        let stores = &self.engine.stores;
        let name = self.destination.name().to_owned();
        stores.observer.notice(Event::LoadStarted { destination: name.clone(), records: plan.records });
        let spec = self.spec(state.position, plan.keys.clone(), loaded_at);
        still_ours(stores, self.writer.fence).await?;
        let load = self.destination.begin(spec).await?;
        let normaliser = (self.engine.make_normaliser)(&state.schemas, &self.names, loaded_at);
        let mut belt = Belt::new(stores, name.clone(), load, normaliser);
        let mut written = belt.carry_out(plan).await;
        if written.is_ok() {
            written = belt.drain().await;
        }
        self.frozen = belt.frozen();
        written?;
        let values = belt.take_rejected();
        // Before the commit: a crash behind it would lose them.
        let letters = rejected::letters(&name, &values, loaded_at);
        rejected::remember(stores, self.writer, &letters).await?;
        still_ours(stores, self.writer.fence).await?;
        let done = belt.commit(plan.to).await?;
        rejected::settle(stores, self.writer, &name, (&plan.keys, &letters)).await?;
        self.add_up(outcome, done);
        note_rejected(outcome, values);
        Ok(())
    }

    fn add_up(&mut self, outcome: &mut LoadOutcome, done: LoadReport) {
        for (table, rows) in done.rows {
            *self.report.rows.entry(table.to_string()).or_default() += rows;
        }
        let name = self.destination.name();
        outcome
            .schema_changes
            .extend(done.schema_changes.into_iter().map(|change| format!("{name}: {change}")));
    }
}

/// Adds names for fields that have none, less those that are taken.
fn add_names(names: &mut ColumnNames, others: ColumnNames) {
    for (table, others) in others {
        let known = names.entry(table).or_default();
        for (field, column) in others {
            if !known.contains_key(&field) && !known.values().any(|taken| *taken == column) {
                known.insert(field, column);
            }
        }
    }
}

/// Each destination meets the same values; they are reported once.
fn note_rejected(outcome: &mut LoadOutcome, rejected: Vec<RejectedValue>) {
    let id = |value: &RejectedValue| (value.stream.clone(), value.key.clone(), value.reason.clone());
    let known: BTreeSet<_> = outcome.rejected.iter().map(id).collect();
    outcome.rejected.extend(rejected.into_iter().filter(|value| !known.contains(&id(value))));
}
