//! Where the declared streams stand, in words.

use std::collections::BTreeMap;

use clarion_core::{Declaration, Result, Timestamp};

use super::due;
use crate::engine::Engine;

/// A stream beside the two that are read their own way.
pub(crate) struct Standing {
    pub(crate) mode: &'static str,
    pub(crate) cursor: Option<String>,
    pub(crate) last_success: Option<Timestamp>,
    pub(crate) availability: String,
    pub(crate) seen_by: String,
}

impl Engine {
    pub(crate) async fn standing(
        &self,
        stream: &Declaration,
        cursors: &BTreeMap<String, Timestamp>,
        marks: &BTreeMap<String, String>,
    ) -> Result<Standing> {
        let last = cursors.get(&due::read(&stream.name)).copied();
        let absent = marks.get(&due::absent(&stream.name));
        let availability = match (absent, last) {
            (Some(absent), _) => format!("not available ({absent})"),
            (None, Some(_)) => self.leads_in_words(stream).await?,
            (None, None) => "not read yet".to_owned(),
        };
        Ok(Standing {
            mode: mode(stream),
            cursor: marks.get(&due::reached(&stream.name)).cloned(),
            last_success: last.filter(|_| absent.is_none()),
            availability,
            seen_by: seen_by(stream),
        })
    }

    async fn leads_in_words(&self, stream: &Declaration) -> Result<String> {
        if !stream.by_id {
            return Ok("available".to_owned());
        }
        let before = due::due_before(stream, self.stores.clock.now());
        let (all, due) = self.stores.state.count_leads(&stream.name, before).await?;
        Ok(format!("available: {all} ids known, {due} due"))
    }
}

fn mode(stream: &Declaration) -> &'static str {
    if stream.by_id {
        "by id"
    } else if stream.is_incremental() {
        "incremental"
    } else if stream.is_windowed() {
        "windows of days"
    } else if stream.parent.is_empty() {
        "snapshot"
    } else {
        "snapshot for each parent"
    }
}

/// The bound on how stale the table may be.
fn seen_by(stream: &Declaration) -> String {
    if stream.every.as_std().is_zero() {
        return "next sync; a deletion: the one after".to_owned();
    }
    let every = crate::status::spaced(stream.every);
    if stream.by_id {
        format!("every {every}, as far as the budget for re-reads goes")
    } else if stream.is_incremental() {
        format!("every {every}; a deletion is not seen")
    } else if stream.is_windowed() {
        format!("every {every} (last days); a month that has settled: never")
    } else {
        format!("every {every}; a deletion: the time after")
    }
}
