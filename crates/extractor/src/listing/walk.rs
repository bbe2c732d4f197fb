//! Walking one pass: pages go out as they come, long ties are read in narrower pieces.

use clarion_core::{PageSink, Purpose, Result, Timestamp};

use super::pages::Pages;
use crate::paging::{Filters, Next, Pass, TICK};

/// Statuses of the vendor's contract, to cut a tie too long for `skip`.
const STATUSES: [&str; 17] = [
    "SCHEDULED",
    "INITIATED",
    "INPROGRESS",
    "WAITING_IN_QUEUE",
    "PROCESSING",
    "PROCESSED",
    "ERROR_IN_TRANSCRIBE",
    "ERROR_IN_PROCESSING",
    "ERROR_IN_RECORDING",
    "UNABLE_TO_JOIN",
    "CALL_DID_NOT_HAPPEN",
    "IGNORED_BY_USER",
    "BOTJOIN_DISABLED",
    "POST_PROCESSING_DONE",
    "NO_DATA_INCALL",
    "NOBODY_JOINED_CALL",
    "BOTJOIN_DENIED",
];
/// Call types of the vendor's contract.
const KINDS: [&str; 14] = [
    "ZOOM",
    "GOOGLE_MEET",
    "FRESHCALLER",
    "AIRCALL_RECORDING",
    "RINGCENTRAL",
    "GOTO_MEETING",
    "OUTREACH",
    "HUBSPOT",
    "BLUE_JEANS",
    "SALESLOFT",
    "MS_TEAMS",
    "DIALPAD",
    "FRONTSPIN",
    "TALKDESK",
];

/// Takes a pass to its end; whether it proves anything is for others to say.
pub(super) struct Walk<'a> {
    pub(super) pages: &'a Pages,
    pub(super) purpose: Purpose,
    pub(super) sink: &'a mut dyn PageSink,
}

impl Walk<'_> {
    pub(super) async fn run(&mut self, base: &Filters, pass: &mut Pass) -> Result<()> {
        loop {
            match pass.next() {
                Next::Ask { filters, skip } => {
                    let (page, limit) = self.pages.fetch(&filters, skip, self.purpose).await?;
                    pass.take(&page, limit)?;
                    self.give(page.rows).await?;
                }
                Next::LongTie(Some(tie)) if base.kind.is_none() => {
                    if self.tie(base, tie, pass).await? {
                        pass.skip_tie(tie);
                    } else {
                        pass.tie = Some(tie);
                        pass.give_up("more calls share one time, status and type than skip can reach");
                    }
                }
                Next::LongTie(_) => {
                    pass.give_up("more calls share one time, or have none, than skip can reach")
                }
                Next::End => return Ok(()),
            }
        }
    }

    /// Reads the calls of one time by status, those of one status by type. `false` if that is not fine enough.
    async fn tie(&mut self, base: &Filters, tie: Timestamp, pass: &mut Pass) -> Result<bool> {
        let mut filters =
            Filters { time_after: Some(tie - TICK), time_before: Some(tie + TICK), ..base.clone() };
        let values: &[&'static str] = if base.status.is_none() { &STATUSES } else { &KINDS };
        for value in values {
            if base.status.is_none() {
                filters.status = Some(value);
            } else {
                filters.kind = Some(value);
            }
            let mut part = Pass::new(filters.clone(), 0);
            Box::pin(self.run(&filters, &mut part)).await?;
            if part.doubt.is_some() {
                return Ok(false);
            }
            pass.absorb(part);
        }
        Ok(true)
    }

    async fn give(&mut self, rows: Vec<clarion_core::SourceRecord>) -> Result<()> {
        if rows.is_empty() { Ok(()) } else { self.sink.page(rows).await }
    }
}
