//! Streams of one list for each record of their parent: the calls of playlists.
//!
//! A pass asks for every list once, also if it takes several runs; a record that a complete pass did not show is absent.

use clarion_core::{Bindings, Known, Lead, Purpose, ReadEnd, Result, fault};

use super::intake::Intake;
use super::{Pass, absence, due, is_of_one};

/// Lists asked for in one step.
const STEP: u32 = 500;
/// So many parents without a list and none with one: then there is no such endpoint.
const TELLING: u64 = 3;

/// What a pass came to.
#[derive(Default)]
struct Shown {
    lists: u64,
    without: u64,
    nameless: u64,
    failed: u64,
    status: u16,
}

pub(super) async fn sync(pass: &mut Pass<'_>) -> Result<()> {
    let begun = begin(pass).await?;
    let mut shown = Shown::default();
    let state = pass.engine.stores.state.clone();
    let mut after: Option<Lead> = None;
    loop {
        let page = state.leads(&pass.stream.name, begun, after.as_ref(), STEP).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        for lead in live(pass, page).await? {
            pass.engine.stores.stop.check()?;
            ask(pass, lead, &mut shown).await?;
            if shown.lists == 0 && shown.failed == 0 && shown.without >= TELLING {
                return pass.unavailable(shown.status).await;
            }
        }
        pass.recorder.flush().await?;
    }
    if shown.lists == 0 && shown.failed == 0 && shown.without > 0 {
        return pass.unavailable(shown.status).await;
    }
    pass.recorder.flush().await?;
    if shown.failed > 0 {
        // The rest of the pass is for the next run.
        return Ok(());
    }
    if shown.nameless == 0 {
        absence::note(pass, |known: &Known| known.checked_at >= begun).await?;
    }
    pass.complete().await
}

/// When the pass began that this run begins or goes on with.
async fn begin(pass: &mut Pass<'_>) -> Result<clarion_core::Timestamp> {
    let name = &pass.stream.name;
    let begun = pass.recorder.cursor(&due::begun(name));
    let read = pass.recorder.cursor(&due::read(name));
    if let Some(open) = begun.filter(|begun| read.is_none_or(|read| read < *begun)) {
        return Ok(open);
    }
    // As the state store keeps times.
    let now = chrono::SubsecRound::trunc_subsecs(pass.begun, 3);
    pass.begun = now;
    pass.recorder.set_cursor(&due::begun(name), now);
    pass.recorder.flush().await?;
    Ok(now)
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

async fn ask(pass: &mut Pass<'_>, lead: Lead, shown: &mut Shown) -> Result<()> {
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
            shown.without += 1;
            shown.status = status;
            true
        }
        Err(error) if is_of_one(&error) => {
            shown.failed += 1;
            pass.tally.hole(&error.with("parent", &lead.key));
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    fault::point("pipeline.list_read");
    let asked_at = Some(pass.engine.stores.clock.now());
    pass.recorder.lead(Lead { asked_at, missing, ..lead });
    Ok(())
}
