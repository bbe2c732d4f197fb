//! Segments that are rewritten: first the state store learns that it happens, then the segment changes, then the state
//! store learns what it is now. Whoever starts after a kill in between finishes the last step.

use std::collections::BTreeSet;

use clarion_core::{Progress, Result, SegmentInfo, SegmentNo, fault};

use crate::engine::{Stores, Writer};
use crate::recover::damaged;

/// Drops records from segments, one after the other.
pub(crate) struct Rewrites<'w> {
    stores: &'w Stores,
    writer: &'w Writer,
    begun: bool,
}

impl<'w> Rewrites<'w> {
    pub(crate) fn new(stores: &'w Stores, writer: &'w Writer) -> Self {
        Self { stores, writer, begun: false }
    }

    pub(crate) async fn drop_lines(
        &mut self,
        segment: SegmentNo,
        lines: &BTreeSet<u32>,
    ) -> Result<SegmentInfo> {
        self.begun = true;
        // Before each segment, so that whoever lost the lease meanwhile is refused here.
        self.commit(Progress { rewriting: Some(true), ..Progress::default() }).await?;
        let info = self.stores.journal.rewrite(segment, lines).await?;
        fault::point("pipeline.rewritten");
        self.commit(Progress { segment: Some(info.clone()), ..Progress::default() }).await?;
        Ok(info)
    }

    pub(crate) async fn end(self) -> Result<()> {
        if !self.begun {
            return Ok(());
        }
        self.commit(Progress { rewriting: Some(false), ..Progress::default() }).await
    }

    async fn commit(&self, progress: Progress) -> Result<()> {
        self.stores.state.commit(self.writer.fence, progress).await
    }
}

/// Tells the state store what a killed rewrite made of its segments.
pub(crate) async fn finish(stores: &Stores, writer: &Writer, known: &[SegmentInfo]) -> Result<()> {
    for found in stores.journal.segments(0).await? {
        let Some(before) = known.iter().find(|known| known.number == found.number) else { continue };
        if before.checksum == found.checksum {
            continue;
        }
        if !is_own(stores, before).await? {
            return Err(damaged("a journal segment was altered", found.number));
        }
        let progress = Progress { segment: Some(found), ..Progress::default() };
        stores.state.commit(writer.fence, progress).await?;
    }
    let done = Progress { rewriting: Some(false), ..Progress::default() };
    stores.state.commit(writer.fence, done).await
}

/// Whether the segment that stands in the place of `before` was made from it by a rewrite.
pub(crate) async fn is_own(stores: &Stores, before: &SegmentInfo) -> Result<bool> {
    if fault::defect("pipeline.forget_rewrites") {
        return Ok(false);
    }
    let header = stores.journal.header(before.number).await?;
    Ok(header.replaces.contains(&before.checksum))
}
