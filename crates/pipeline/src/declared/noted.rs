//! Leads of records that were journalled before anybody looked for them: found once, in the journal, without a request.

use clarion_core::{Declaration, IndexLine, Op, Result};

use super::leads::feeds;
use super::{Pass, due};

/// Notes the leads in all that the journal holds, for every stream of which that was not done as it is declared now.
pub(super) async fn catch_up(pass: &mut Pass<'_>) -> Result<()> {
    let stores = pass.engine.stores.clone();
    let is_new = |stream: &&Declaration| {
        let mark = pass.recorder.mark(&due::noted(&stream.name));
        stream.enabled && !stream.parent.is_empty() && mark != Some(&by(stream))
    };
    let new: Vec<&Declaration> = stores.declared.iter().filter(is_new).collect();
    if new.is_empty() {
        return Ok(());
    }
    let names_leads =
        |line: &IndexLine| line.op == Op::Upsert && new.iter().any(|stream| feeds(&line.stream, stream));
    for segment in stores.state.segments(0).await? {
        stores.stop.check()?;
        let header = stores.journal.header(segment.number).await?;
        if !header.index.iter().flatten().any(names_leads) {
            continue;
        }
        for entry in stores.journal.read(segment.number).await?.iter().flatten() {
            pass.recorder.note_leads(entry);
        }
        pass.recorder.flush().await?;
    }
    for stream in new {
        pass.recorder.set_mark(&due::noted(&stream.name), &by(stream));
    }
    pass.recorder.flush().await
}

fn by(stream: &Declaration) -> String {
    format!("{}.{}", stream.parent, stream.parent_field)
}
