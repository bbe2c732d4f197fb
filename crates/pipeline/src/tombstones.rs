//! Records that are gone: their deletion is journalled, and how much may go at once is bounded.

use bytes::Bytes;
use chrono::TimeDelta;
use clarion_core::{Entry, Known, Op, Result, StreamName, fault};

use crate::engine::Stores;
use crate::recorder::Recorder;
use crate::tally::Tally;

/// The guard looks back this far.
const WINDOW: TimeDelta = TimeDelta::days(7);
/// A fifth of a table at most goes within the window, unless somebody says that it is right.
const FRACTION: u64 = 5;

/// Journals that a record is gone. The destinations mark or remove its rows, children included.
pub(crate) async fn bury(recorder: &mut Recorder, tally: &mut Tally, version: &Known) -> Result<()> {
    let now = recorder.stores.clock.now();
    let entry = Entry {
        stream: version.stream.clone(),
        key: version.key.clone(),
        op: Op::Delete,
        observed_at: now,
        private: None,
        time: None,
        data: Bytes::new(),
    };
    let known = Known { gone: true, absent: 0, checked_at: now, ..version.clone() };
    if fault::defect("pipeline.tombstone_not_journalled") {
        recorder.confirm(known);
    } else {
        recorder.write(&entry, known).await?;
    }
    tally.stream(&version.stream).deleted += 1;
    Ok(())
}

/// How many more may go, with so many records there and so many gone within the window. One always may, or of a table
/// with four rows none ever could.
fn may_go(there: u64, gone: u64) -> u64 {
    ((there + gone) / FRACTION).max(1).saturating_sub(gone)
}

/// How many records of a stream may still be marked as deleted: a vendor or a permission that went wrong must not empty
/// a table.
pub(crate) struct Guard {
    stream: StreamName,
    left: u64,
    held: u64,
}

impl Guard {
    pub(crate) async fn of(stores: &Stores, stream: StreamName, accept: bool) -> Result<Self> {
        if accept || fault::defect("pipeline.no_guard") {
            return Ok(Self { stream, left: u64::MAX, held: 0 });
        }
        let since = stores.clock.now() - WINDOW;
        let gone = stores.state.count_gone(&stream, since).await?;
        let there = stores.state.count_known(&stream).await?;
        Ok(Self { stream, left: may_go(there, gone), held: 0 })
    }

    /// For work that marks nothing as deleted.
    pub(crate) fn shut(stream: StreamName) -> Self {
        Self { stream, left: 0, held: 0 }
    }

    /// Takes leave to mark one record; false if it is held back.
    pub(crate) fn take(&mut self) -> bool {
        if self.left == 0 {
            self.held += 1;
            return false;
        }
        self.left -= 1;
        true
    }

    /// It was not gone after all.
    pub(crate) fn give_back(&mut self) {
        self.left = self.left.saturating_add(1);
    }

    /// What was held back is a warning with the way out, and a hole: the tables still show these records.
    pub(crate) fn report(self, tally: &mut Tally) {
        if self.held == 0 {
            return;
        }
        tally.warn(format!(
            "{} records of {} are missing from the vendor's list and were not marked as deleted: that would be more \
             than a fifth of the table within 7 days. Look whether they are really gone; then run \
             `clarion sync --accept-deletes`",
            self.held, self.stream
        ));
        tally.holes.push(format!("{}: {} deletions are held back", self.stream, self.held));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_may_go_and_of_the_smallest_tables_one() {
        assert_eq!((may_go(100, 0), may_go(90, 10), may_go(80, 20)), (20, 10, 0));
        assert_eq!((may_go(4, 0), may_go(3, 1), may_go(1, 0), may_go(0, 1)), (1, 0, 1, 0));
    }
}
