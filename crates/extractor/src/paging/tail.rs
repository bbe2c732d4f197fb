//! The end of a listing without time bounds, where calls without a time may stand.
//!
//! Whether they sort first or last is not documented. First, a pass meets them before its bound moves. Last, they
//! vanish as soon as it does; so the end of the list is read backwards until a call with a time shows up.

use clarion_core::{RecordKey, SourceRecord};

use super::query::MAX_SKIP;
use crate::records::Page;

const MAX_RESTARTS: u32 = 3;

/// Reads a list from its end to the last call with a time. Its first page is also the pass's proof.
pub(crate) struct Tail {
    skip: u32,
    limit: u32,
    /// The first row of the page after; must be in the next one.
    anchor: Option<RecordKey>,
    /// The next page is the first of this walk and must reach the end.
    at_end: bool,
    restarts: u32,
    state: State,
    /// How many calls the vendor says match, at last.
    pub(crate) matched: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Done,
    /// Out of reach of `skip`, or rows kept shifting.
    Failed,
}

impl Tail {
    /// `expected` rows are there in all.
    pub(crate) fn new(expected: u64, limit: u32) -> Self {
        let mut tail = Self {
            skip: 0,
            limit,
            anchor: None,
            at_end: true,
            restarts: 0,
            state: State::Reading,
            matched: expected,
        };
        tail.start();
        tail
    }

    pub(crate) fn skip(&self) -> Option<u32> {
        (self.state == State::Reading).then_some(self.skip)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state == State::Done
    }

    pub(crate) fn take(&mut self, page: &Page, limit: u32) {
        self.limit = limit;
        self.matched = page.matched.unwrap_or(self.matched);
        let reached = u64::from(self.skip) + page.rows.len() as u64;
        let shifted = match self.anchor.take() {
            Some(anchor) => page.rows.iter().all(|row| row.key != anchor),
            None => self.at_end && reached < self.matched,
        };
        self.at_end = false;
        if shifted {
            self.restarts += 1;
            if self.restarts > MAX_RESTARTS { self.state = State::Failed } else { self.start() }
        } else if self.skip == 0 || page.rows.first().is_some_and(|row| row.time.is_some()) {
            self.state = State::Done;
        } else {
            self.go_back(&page.rows);
        }
    }

    fn start(&mut self) {
        let skip = self.matched.saturating_sub(u64::from(self.limit));
        match u32::try_from(skip).ok().filter(|skip| *skip <= MAX_SKIP) {
            Some(skip) => self.skip = skip,
            None => self.state = State::Failed,
        }
        self.at_end = true;
    }

    /// One page towards the start, with one row of overlap.
    fn go_back(&mut self, rows: &[SourceRecord]) {
        // A page of one row has no room for a second one.
        self.anchor = rows.first().filter(|_| self.limit > 1).map(|row| row.key.clone());
        self.skip = self.skip.saturating_sub(self.limit.saturating_sub(1).max(1));
    }
}
