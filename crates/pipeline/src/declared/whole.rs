//! Streams of one read: all there is, or all since the read before.

use clarion_core::{Bindings, Purpose, ReadEnd, Result, fault};

use super::intake::Intake;
use super::{Pass, absence, due};

pub(super) async fn sync(pass: &mut Pass<'_>) -> Result<()> {
    let cursor = due::reached(&pass.stream.name);
    let before = if pass.options.full { None } else { pass.recorder.mark(&cursor).map(str::to_owned) };
    let bindings = Bindings { cursor: before.clone(), ..Bindings::default() };
    let mut intake = Intake::new(pass);
    let end = intake.read(&bindings, Purpose::Forward).await?;
    let Intake { seen, nameless, reached, .. } = intake;
    if end != ReadEnd::Complete {
        return pass.ended(end).await;
    }
    if let Some(reached) = reached.filter(|reached| is_progress(pass, reached)) {
        pass.recorder.set_mark(&cursor, &reached);
        if fault::defect("pipeline.cursor_early") {
            pass.recorder.commit_marks().await?;
        }
        fault::point("pipeline.before_cursor");
    }
    // What came without a key may be any of those that seem absent.
    if pass.stream.is_whole() && nameless == 0 {
        absence::note(pass, |known| seen.contains(&known.key)).await?;
    }
    pass.complete().await
}

/// Whether a cursor lies behind the one that is stored.
fn is_progress(pass: &Pass<'_>, reached: &str) -> bool {
    let stored = pass.recorder.mark(&due::reached(&pass.stream.name));
    stored.is_none_or(|stored| super::intake::is_further(reached, stored))
}
