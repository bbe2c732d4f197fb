//! Streams of one list for each record of their parent: the calls of playlists.
//!
//! A pass asks for every list once, also if it takes several runs; a record that a complete pass did not show is absent.
//! A list that cannot be read keeps no other from being read: it rests, and is tried again between two passes.

use std::collections::HashSet;

use chrono::SubsecRound as _;
use clarion_core::{
    Bindings, Error, Known, Lead, Purpose, ReadEnd, RecordKey, Result, StateStore, StreamName, Timestamp,
    fault,
};

use super::intake::Intake;
use super::places::Place;
use super::{Pass, absence, due, is_of_one, is_refused};
use crate::details::{OUTAGE, is_of_our_stores};
use crate::judge::pause_after;
use crate::listing::Phase;

/// Lists asked for in one step.
const STEP: u32 = 500;
/// So many parents without a list and none with one: then there is no such endpoint.
const TELLING: u64 = 3;

/// What a run does of a pass.
struct Part {
    begun: Timestamp,
    /// Whether the pass ends with it; else only what failed in the pass is tried again.
    ends: bool,
}

/// What a run came to.
#[derive(Default)]
struct Shown {
    /// Nothing was answered in this pass before.
    is_first: bool,
    lists: u64,
    without: u64,
    nameless: u64,
    forbidden: u64,
    failed: u64,
    in_a_row: u32,
    status: u16,
    /// Those that failed in this run.
    tried: HashSet<RecordKey>,
}

impl Shown {
    /// The status of all answers, if there seems to be no such endpoint.
    fn absent(&self, telling: u64) -> Option<u16> {
        let none = self.is_first && self.lists == 0 && self.failed == 0;
        (none && self.without >= telling).then_some(self.status)
    }
}

pub(super) async fn sync(pass: &mut Pass<'_>) -> Result<()> {
    pass.recorder.flush().await?;
    let Some(part) = begin(pass).await? else { return Ok(()) };
    let stores = pass.engine.stores.clone();
    let _phase = Phase::begin(stores.observer.as_ref(), pass.stream.name.clone(), None);
    let (all, open) = stores.state.count_leads(&pass.stream.name, part.begun).await?;
    let mut shown = Shown { is_first: part.ends && all == open, ..Shown::default() };
    let asked = ask_all(pass, &part, &mut shown).await;
    if !asked.as_ref().is_err_and(|error| is_of_our_stores(error.kind())) {
        pass.recorder.flush().await?;
    }
    if let Some(status) = asked?.or_else(|| shown.absent(1)) {
        return pass.unavailable(status).await;
    }
    if shown.forbidden > 0 {
        let name = &pass.stream.name;
        pass.tally.warn(format!(
            "{} lists of {name} may not be read; what was read of them stays",
            shown.forbidden
        ));
    }
    if !part.ends {
        return Ok(());
    }
    if shown.nameless == 0 {
        judge(pass, part.begun).await?;
    }
    pass.complete().await
}

/// What this run is to do: a new pass if one is due, the rest of the one under way, or what failed in the last one.
async fn begin(pass: &mut Pass<'_>) -> Result<Option<Part>> {
    let name = pass.stream.name.clone();
    let read = pass.recorder.cursor(&due::read(&name));
    let begun = pass.recorder.cursor(&due::begun(&name)).filter(|begun| !due::is_ahead(*begun, pass.begun));
    // A full load wants a pass of its own, and no second one.
    let begun = begun.filter(|begun| pass.anew().is_none_or(|anew| *begun >= anew));
    if let Some(begun) = begun.filter(|begun| read.is_none_or(|read| read < *begun)) {
        return Ok(Some(Part { begun, ends: true }));
    }
    let is_due = match begun {
        Some(_) if pass.options.full => false,
        _ => pass.is_forced() || due::is_due(pass.stream, read, pass.begun),
    };
    if is_due {
        // As the state store keeps times.
        let begun = pass.begun.trunc_subsecs(3);
        pass.begun = begun;
        pass.recorder.set_cursor(&due::begun(&name), begun);
        pass.recorder.flush().await?;
        return Ok(Some(Part { begun, ends: true }));
    }
    let is_absent = pass.recorder.mark(&due::absent(&name)).is_some();
    let Some(begun) = begun.filter(|_| !is_absent) else { return Ok(None) };
    let state = pass.engine.stores.state.as_ref();
    let waits = to_retry(state, &name, begun, pass.begun).await? > 0;
    Ok(waits.then_some(Part { begun, ends: false }))
}

/// How many lists failed in the pass that began at `begun`, and have rested long enough.
pub(super) async fn to_retry(
    state: &dyn StateStore,
    stream: &StreamName,
    begun: Timestamp,
    now: Timestamp,
) -> Result<u64> {
    let (mut after, mut count) = (None, 0);
    loop {
        let page = state.leads(stream, begun, after.as_ref(), STEP).await?;
        let Some(last) = page.last() else { return Ok(count) };
        count += page.iter().filter(|lead| lead.attempts > 0 && !lead.rests(now)).count() as u64;
        after = Some(last.clone());
    }
}

/// Those that failed before come last, so that they stand in nobody's way. The status, if there is no such endpoint.
async fn ask_all(pass: &mut Pass<'_>, part: &Part, shown: &mut Shown) -> Result<Option<u16>> {
    let state = pass.engine.stores.state.clone();
    let rounds: &[bool] = if part.ends { &[false, true] } else { &[true] };
    for retries in rounds {
        let mut after: Option<Lead> = None;
        shown.in_a_row = 0;
        loop {
            let mut page = state.leads(&pass.stream.name, part.begun, after.as_ref(), STEP).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            page.retain(|lead| {
                // A pass that begins asks for all.
                let may = part.begun == pass.begun || !lead.rests(pass.begun);
                (lead.attempts > 0) == *retries && may && !shown.tried.contains(&lead.key)
            });
            for lead in live(pass, page).await? {
                pass.engine.stores.stop.check()?;
                let failed = ask(pass, lead, shown).await?;
                if shown.absent(TELLING).is_some() {
                    return Ok(Some(shown.status));
                }
                if let Some(error) = failed.filter(|_| shown.in_a_row >= OUTAGE) {
                    return if *retries { Ok(None) } else { Err(error) };
                }
            }
            pass.recorder.flush().await?;
        }
    }
    Ok(None)
}

/// Without those whose parent is known to be gone.
async fn live(pass: &Pass<'_>, leads: Vec<Lead>) -> Result<Vec<Lead>> {
    let Some(parent) = pass.stream.parent_stream().filter(|_| pass.stream.parent_field.is_empty()) else {
        return Ok(leads);
    };
    let keys: Vec<_> = leads.iter().map(|lead| lead.key.clone()).collect();
    let parents = pass.recorder.known(&parent, &keys).await?;
    let is_live = |lead: &Lead| parents.get(&lead.key).is_none_or(|parent| !parent.gone);
    Ok(leads.into_iter().filter(is_live).collect())
}

/// Gives the error of a list that could not be read.
async fn ask(pass: &mut Pass<'_>, lead: Lead, shown: &mut Shown) -> Result<Option<Error>> {
    let bindings = Bindings { parent: Some(lead.key.to_string()), ..Bindings::default() };
    let mut intake = Intake::new(pass).confirming();
    let read = intake.read(&bindings, Purpose::Forward).await;
    shown.nameless += intake.nameless;
    let missing = match read {
        Ok(ReadEnd::Complete) => {
            shown.lists += 1;
            false
        }
        Ok(ReadEnd::Missing) => {
            shown.without += 1;
            shown.status = 404;
            true
        }
        Ok(ReadEnd::Unavailable { status }) => {
            // That we may not see it says nothing of what is in it.
            shown.without += 1;
            shown.forbidden += 1;
            shown.status = status;
            rest(pass, lead, shown);
            return Ok(None);
        }
        Err(error) if is_of_one(&error) || is_refused(&error) => {
            shown.failed += 1;
            shown.in_a_row += 1;
            let error = error.with("parent", &lead.key);
            pass.tally.hole(&error);
            rest(pass, lead, shown);
            return Ok(Some(error));
        }
        Err(error) => return Err(error),
    };
    fault::point("pipeline.list_read");
    shown.in_a_row = 0;
    pass.recorder.lead(lead.answered(pass.engine.stores.clock.now(), missing));
    Ok(None)
}

fn rest(pass: &mut Pass<'_>, lead: Lead, shown: &mut Shown) {
    shown.tried.insert(lead.key.clone());
    let until = pass.engine.stores.clock.now() + pause_after(lead.attempts + 1);
    pass.recorder.lead(lead.failed(until));
}

/// Counts what the pass did not show; of a list that could not be read nothing is known.
async fn judge(pass: &mut Pass<'_>, begun: Timestamp) -> Result<()> {
    let unread = unread(pass, begun).await?;
    let parent = Place::of(pass.stream, "{parent}");
    if !unread.is_empty() && parent.is_none() {
        return Ok(());
    }
    let is_unread = |key: &RecordKey| {
        let parent = parent.as_ref().and_then(|place| place.value(key));
        parent.is_none_or(|parent| unread.contains(&parent))
    };
    let is_shown = |known: &Known| known.checked_at >= begun || !unread.is_empty() && is_unread(&known.key);
    absence::note(pass, is_shown).await
}

async fn unread(pass: &Pass<'_>, begun: Timestamp) -> Result<HashSet<String>> {
    let (mut after, mut unread) = (None, HashSet::new());
    loop {
        let page = pass.engine.stores.state.leads(&pass.stream.name, begun, after.as_ref(), STEP).await?;
        let Some(last) = page.last() else { return Ok(unread) };
        after = Some(last.clone());
        unread.extend(live(pass, page).await?.into_iter().map(|lead| lead.key.to_string()));
    }
}
