//! Streams of one request a record: accounts, deals and contacts by the ids that calls name.
//!
//! An id is asked for once, however many calls name it, and again when its own time has come; a 404 counts as an answer.

use std::sync::atomic::{AtomicBool, Ordering};

use clarion_core::{
    Bindings, Collected, Error, Lead, Purpose, ReadEnd, ReadRequest, Rejected, Result, SourceRecord,
    Timestamp, fault,
};
use futures::future;
use futures::stream::{self, StreamExt as _};

use super::intake::Intake;
use super::{Pass, due, is_of_one, is_refused};
use crate::details::{Ended, OUTAGE, is_of_our_stores};
use crate::judge::pause_after;
use crate::listing::Phase;
use crate::tombstones::{self, Guard};

/// Ids asked for in one step.
const BATCH: u32 = 512;

/// What of the stream this run may still ask for, and how it went.
struct Round {
    /// Whether it is the turn of ids that failed before.
    retries: bool,
    /// Ids that were asked for before.
    rereads: u64,
    guard: Guard,
    failures_in_a_row: u32,
    failed: u64,
    left: u64,
}

pub(super) async fn sync(pass: &mut Pass<'_>) -> Result<()> {
    pass.recorder.flush().await?;
    let state = pass.engine.stores.state.clone();
    let name = pass.stream.name.clone();
    // Who names the stream wants what is due of it now; all of it anew is for a full load.
    let before = pass.anew().unwrap_or_else(|| due::due_before(pass.stream, pass.begun));
    if is_absent(pass) {
        return Ok(());
    }
    let (_, due) = state.count_leads(&name, before).await?;
    if due == 0 {
        return Ok(());
    }
    let _phase = Phase::begin(pass.engine.stores.observer.as_ref(), name.clone(), Some(due));
    let guard = Guard::of(&pass.engine.stores, name.clone(), pass.options.accept_deletes).await?;
    let mut round =
        Round { retries: false, rereads: rereads(pass), guard, failures_in_a_row: 0, failed: 0, left: 0 };
    // Those that failed before come last, so that they stand in nobody's way.
    let mut ended = rounds(pass, before, &mut round).await;
    if matches!(ended, Ok(None)) {
        round.retries = true;
        round.failures_in_a_row = 0;
        ended = rounds(pass, before, &mut round).await;
    }
    let Round { guard, failed, left, .. } = round;
    guard.report(pass.tally);
    match ended? {
        Some(status) => pass.unavailable(status).await,
        None if failed == 0 && left == 0 => pass.complete().await,
        None => Ok(()),
    }
}

/// Whether there was no such endpoint, and the time to ask again has not come.
fn is_absent(pass: &Pass<'_>) -> bool {
    let was_absent = pass.recorder.mark(&due::absent(&pass.stream.name)).is_some();
    let last = pass.recorder.cursor(&due::read(&pass.stream.name));
    was_absent && !pass.is_forced() && !due::is_due(pass.stream, last, pass.begun)
}

/// Asks for all that failed before, or for all that did not; gives the status where there is no such endpoint.
async fn rounds(pass: &mut Pass<'_>, before: Timestamp, round: &mut Round) -> Result<Option<u16>> {
    let state = pass.engine.stores.state.clone();
    let mut after: Option<Lead> = None;
    loop {
        let mut page = state.leads(&pass.stream.name, before, after.as_ref(), BATCH).await?;
        let Some(last) = page.last().cloned() else { return Ok(None) };
        after = Some(last);
        page.retain(|lead| (lead.attempts > 0) == round.retries);
        let known = page.len();
        page.retain(|lead| !lead.rests(pass.begun));
        round.left += (known - page.len()) as u64;
        let asked = ask_all(pass, page, round).await;
        if !asked.as_ref().is_err_and(|error| is_of_our_stores(error.kind())) {
            pass.recorder.flush().await?;
        }
        match asked {
            Ok(None) => {}
            // These are known to fail: it says nothing of the endpoint.
            Err(error) if round.retries && is_of_one(&error) => return Ok(None),
            other => return other,
        }
    }
}

/// A hundredth of the week in each run, as for other re-reads; all of it if somebody asked.
fn rereads(pass: &Pass<'_>) -> u64 {
    match pass.engine.weekly_requests {
        0 => u64::MAX,
        _ if pass.options.full => u64::MAX,
        week => week / 100,
    }
}

type Answer = (Lead, Result<(ReadEnd, Vec<SourceRecord>)>);

/// Makes the requests, several at a time; gives the status where there is no such endpoint.
async fn ask_all(pass: &mut Pass<'_>, leads: Vec<Lead>, round: &mut Round) -> Result<Option<u16>> {
    let mut wanted = Vec::with_capacity(leads.len());
    for lead in leads {
        if lead.asked_at.is_some() {
            if round.rereads == 0 {
                round.left += 1;
                continue;
            }
            round.rereads -= 1;
        }
        wanted.push(lead);
    }
    let (source, declared) = (pass.engine.source.clone(), pass.stream);
    let ask = |lead: Lead| {
        let source = source.clone();
        async move {
            let bindings = Bindings { parent: Some(lead.key.to_string()), ..Bindings::default() };
            let request = ReadRequest { stream: declared, bindings: &bindings, purpose: purpose(&lead) };
            let mut records = Collected::default();
            let end = source.read(request, &mut records).await;
            (lead, end.map(|end| (end, records.0)))
        }
    };
    let open = AtomicBool::new(true);
    let wanted = stream::iter(wanted).take_while(|_| future::ready(open.load(Ordering::Relaxed)));
    let mut answers = std::pin::pin!(wanted.map(ask).buffer_unordered(pass.engine.concurrency.max(1)));
    let mut ended = Ended::default();
    let mut absent = None;
    while let Some(answer) = ended.bound(answers.next()).await {
        match take(pass, answer, round).await {
            Ok(None) => {}
            Ok(Some(status)) => {
                absent = Some(status);
                open.store(false, Ordering::Relaxed);
            }
            Err(error) => {
                open.store(false, Ordering::Relaxed);
                ended.early(error);
            }
        }
    }
    ended.into_error().map_or(Ok(absent), Err)
}

/// What is asked for the first time and what is looked at again both leave alone what the forward sync still wants.
fn purpose(lead: &Lead) -> Purpose {
    if lead.asked_at.is_none() { Purpose::Backfill } else { Purpose::Reread }
}

async fn take(pass: &mut Pass<'_>, (lead, answer): Answer, round: &mut Round) -> Result<Option<u16>> {
    match answer {
        Ok((ReadEnd::Complete, records)) => {
            round.failures_in_a_row = 0;
            let mut intake = Intake::new(pass);
            intake.take(records).await?;
            intake.settle().await?;
            answered(pass, lead, false);
        }
        Ok((ReadEnd::Missing, _)) => {
            round.failures_in_a_row = 0;
            bury(pass, &lead, round).await?;
            answered(pass, lead, true);
        }
        Ok((ReadEnd::Unavailable { status }, _)) => return Ok(Some(status)),
        Err(error) if is_refused(&error) => {
            reject(pass, &lead, &error);
            answered(pass, lead, false);
        }
        Err(error) if is_of_one(&error) => {
            let stream = &pass.stream.name;
            pass.tally.holes.push(format!("{stream} {}: {}", lead.key, error.chain()));
            let until = pass.engine.stores.clock.now() + pause_after(lead.attempts + 1);
            pass.recorder.lead(lead.failed(until));
            round.failed += 1;
            round.failures_in_a_row += 1;
            if round.failures_in_a_row >= OUTAGE {
                return Err(error);
            }
        }
        Err(error) => return Err(error),
    }
    pass.recorder.breathe().await?;
    Ok(None)
}

/// The id's next turn is a whole period away.
fn answered(pass: &mut Pass<'_>, lead: Lead, missing: bool) {
    if fault::defect("pipeline.id_asked_twice") {
        return;
    }
    pass.recorder.lead(lead.answered(pass.engine.stores.clock.now(), missing));
}

/// A record that was there and now answers 404 is gone.
async fn bury(pass: &mut Pass<'_>, lead: &Lead, round: &mut Round) -> Result<()> {
    let known = pass.recorder.known(&pass.stream.name, std::slice::from_ref(&lead.key)).await?;
    let Some(known) = known.get(&lead.key).filter(|known| !known.gone) else { return Ok(()) };
    if round.guard.take() { tombstones::bury(pass.recorder, pass.tally, known).await } else { Ok(()) }
}

fn reject(pass: &mut Pass<'_>, lead: &Lead, error: &Error) {
    let stream = pass.stream.name.clone();
    pass.tally.stream(&stream).rejected += 1;
    let at = pass.engine.stores.clock.now();
    pass.recorder.reject(Rejected::new(stream, lead.key.clone(), error.chain(), at));
}
