//! Records that complete reads of a stream no longer show: after the second one they are gone.

use clarion_core::{Known, Result, fault};

use super::Pass;
use crate::tombstones::{self, Guard};

/// Known records compared in one step.
const STEP: u32 = 1_000;
/// Complete reads in a row without a record: one may be a slip of the vendor's.
const CONFIRMED: u32 = 2;

/// Counts for each known record the reads in a row that did not show it; after the second one it is gone.
pub(super) async fn note(pass: &mut Pass<'_>, is_shown: impl Fn(&Known) -> bool) -> Result<()> {
    let stream = pass.stream.name.clone();
    let mut guard = Guard::of(&pass.engine.stores, stream.clone(), pass.options.accept_deletes).await?;
    let state = pass.engine.stores.state.clone();
    let mut after = None;
    loop {
        let page = state.scan_known(&stream, after.as_ref(), STEP).await?;
        let Some(last) = page.last() else {
            guard.report(pass.tally);
            return Ok(());
        };
        after = Some(last.key.clone());
        for version in page.into_iter().filter(|known| !known.gone && !is_shown(known)) {
            miss(pass, &mut guard, version).await?;
        }
    }
}

async fn miss(pass: &mut Pass<'_>, guard: &mut Guard, version: Known) -> Result<()> {
    let absent = (version.absent + 1).min(CONFIRMED);
    let is_gone = absent == CONFIRMED || fault::defect("pipeline.one_snapshot_is_proof");
    if is_gone && guard.take() {
        return tombstones::bury(pass.recorder, pass.tally, &version).await;
    }
    if absent != version.absent {
        pass.recorder.confirm(Known { absent, ..version });
    }
    Ok(())
}
