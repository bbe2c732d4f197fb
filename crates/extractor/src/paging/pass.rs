//! One pass over a window, in order of the call's time.

use std::collections::HashMap;

use clarion_core::{RecordKey, Result, SourceRecord, Timestamp, fault};

use super::checks::{self, Asked};
use super::query::{Filters, MAX_SKIP, TICK, floor};
use crate::records::Page;

/// How often rows may shift under a skip before the pass gives up.
const MAX_RESTARTS: u32 = 3;

/// Walks a window page by page and remembers what it saw.
pub(crate) struct Pass {
    filters: Filters,
    skip: u32,
    /// The row that a page got by `skip` must begin with, or hold.
    anchor: Option<RecordKey>,
    seen: HashMap<RecordKey, Option<Timestamp>>,
    /// Keys of the page before.
    before: Vec<RecordKey>,
    /// The earliest time seen.
    first: Option<Timestamp>,
    /// Stop after about this many rows; 0 = never.
    max_rows: u64,
    restarts: u32,
    ended: bool,
    pub(crate) pages: u32,
    /// `matched` of the first page and of the last.
    pub(crate) matched: Option<(u64, u64)>,
    /// Whether the time bound moved past a row, so that fewer must match.
    passed_rows: bool,
    /// The time whose calls could not all be reached.
    pub(crate) tie: Option<Timestamp>,
    /// Where the pass stopped for `max_rows`: everything before was seen.
    pub(crate) covered_to: Option<Timestamp>,
    contradiction: Option<&'static str>,
    /// What keeps this pass from proving anything.
    pub(crate) doubt: Option<&'static str>,
}

pub(crate) enum Next {
    Ask {
        filters: Filters,
        skip: u32,
    },
    /// More rows of one time than `skip` reaches; `None`: of no time.
    LongTie(Option<Timestamp>),
    End,
}

impl Pass {
    pub(crate) fn new(filters: Filters, max_rows: u64) -> Self {
        Self {
            filters,
            skip: 0,
            anchor: None,
            seen: HashMap::new(),
            before: Vec::new(),
            first: None,
            max_rows,
            restarts: 0,
            ended: false,
            pages: 0,
            matched: None,
            passed_rows: false,
            tie: None,
            covered_to: None,
            contradiction: None,
            doubt: None,
        }
    }

    pub(crate) fn next(&self) -> Next {
        if self.ended {
            Next::End
        } else if self.skip > MAX_SKIP {
            Next::LongTie(self.filters.time_after.map(|after| floor(after) + TICK))
        } else {
            Next::Ask { filters: self.filters.clone(), skip: self.skip }
        }
    }

    /// Takes the answer to what [`Self::next`] asked for with `limit`.
    pub(crate) fn take(&mut self, page: &Page, limit: u32) -> Result<()> {
        let asked = Asked { filters: &self.filters, skip: self.skip, limit };
        checks::page(&asked, &page.rows, &self.before)?;
        let Some(matched) = page.matched else {
            return Err(checks::protocol(&asked, "the server's page says nothing of how many calls match"));
        };
        self.pages += 1;
        self.matched = Some((self.matched.map_or(matched, |(first, _)| first), matched));
        self.weigh(page, matched);
        let fresh = self.remember(&page.rows);
        let shifted = self.anchor.take().is_some_and(|anchor| page.rows.iter().all(|row| row.key != anchor));
        self.before = page.rows.iter().map(|row| row.key.clone()).collect();
        if shifted {
            self.start_over();
        } else if self.is_last(page, matched, limit, fresh) {
            self.ended = true;
        } else if !self.stop_at_a_boundary(&page.rows) {
            self.advance(&page.rows, limit);
        }
        Ok(())
    }

    /// Goes on behind a tie that was read by other means.
    pub(crate) fn skip_tie(&mut self, tie: Timestamp) {
        self.filters.time_after = Some(floor(tie));
        self.skip = 0;
        self.anchor = None;
        self.before.clear();
        self.passed_rows = true;
    }

    /// Takes over what a walk over a part of this window saw.
    pub(crate) fn absorb(&mut self, part: Self) {
        self.pages += part.pages;
        self.seen.extend(part.seen);
    }

    /// What no sane server would say; a single pass may owe it to an edit in between.
    pub(crate) fn nonsense(&self) -> Option<&'static str> {
        let (first, last) = self.matched?;
        if self.passed_rows && last >= first {
            return Some("the number of calls that match did not fall while the time bound moved");
        }
        self.contradiction
    }

    /// Gives up: the pass ends without proof.
    pub(crate) fn give_up(&mut self, why: &'static str) {
        self.doubt = Some(why);
        self.ended = true;
    }

    /// Takes rows that another walk found; returns how many were new.
    pub(crate) fn remember(&mut self, rows: &[SourceRecord]) -> usize {
        let known = self.seen.len();
        for row in rows {
            self.seen.insert(row.key.clone(), row.time);
            if self.first.is_none() {
                self.first = row.time;
            }
        }
        self.seen.len() - known
    }

    /// Distinct ids seen, those of the covered span only if the pass stopped early.
    pub(crate) fn count_seen(&self) -> u64 {
        let covered =
            |time: &Option<Timestamp>| self.covered_to.is_none_or(|end| time.is_some_and(|time| time < end));
        self.seen.values().filter(|time| covered(time)).count() as u64
    }

    /// A time with about as many rows before as after, to split a window at.
    pub(crate) fn middle(&self) -> Option<Timestamp> {
        let mut times: Vec<_> = self.seen.values().flatten().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).map(|time| floor(*time))
    }

    /// An answer that contradicts itself proves nothing, but may be an accident: a call went while it was made.
    fn weigh(&mut self, page: &Page, matched: u64) {
        let reached = u64::from(self.skip) + page.rows.len() as u64;
        if !page.rows.is_empty() && matched < reached {
            self.contradiction = Some("the server says that fewer calls match than it sent");
        } else if matched <= reached && page.has_more == Some(true) {
            self.contradiction = Some("the server says that there is more, and that there is not");
        }
        self.doubt = self.doubt.or(self.contradiction);
    }

    fn is_last(&self, page: &Page, matched: u64, limit: u32, fresh: usize) -> bool {
        let reached = u64::from(self.skip) + page.rows.len() as u64;
        let all = matched <= reached && page.has_more != Some(true);
        let nothing_new = page.rows.len() < limit as usize && fresh == 0;
        all || nothing_new || page.rows.is_empty()
    }

    fn stop_at_a_boundary(&mut self, rows: &[SourceRecord]) -> bool {
        if self.max_rows == 0 || (self.seen.len() as u64) < self.max_rows {
            return false;
        }
        let last = rows.iter().rev().find_map(|row| row.time).map(floor);
        if last.is_none() || last <= self.first {
            return false;
        }
        self.covered_to = last;
        self.ended = true;
        true
    }

    /// Moves the bound so that the last row is seen again; where that is no progress, skips within the tie.
    fn advance(&mut self, rows: &[SourceRecord], limit: u32) {
        let last = rows.iter().rev().find_map(|row| row.time);
        let overlap =
            if fault::defect("extractor.no_overlap") { last } else { last.map(|time| floor(time) - TICK) };
        let moved = overlap.filter(|bound| self.filters.time_after.is_none_or(|after| *bound > after));
        let Some(bound) = moved else {
            let reached = self.skip + u32::try_from(rows.len()).unwrap_or(limit);
            self.skip_to(reached, rows);
            return;
        };
        self.filters.time_after = Some(bound);
        self.skip = 0;
        let tied = rows.iter().filter(|row| row.time.is_some_and(|time| time > bound)).count();
        self.passed_rows |= tied < rows.len();
        let tied = u32::try_from(tied).unwrap_or(limit);
        if tied >= limit {
            self.skip_to(tied, rows);
        }
    }

    /// Asks next for the rows from `reached`, and for the one before them if that leaves room for progress.
    fn skip_to(&mut self, reached: u32, rows: &[SourceRecord]) {
        self.skip = reached;
        if rows.len() > 1 {
            self.skip -= 1;
            self.anchor = rows.last().map(|row| row.key.clone());
        }
    }

    /// The row that was to be seen again is gone, and others may have slipped past with it.
    fn start_over(&mut self) {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            self.give_up("rows kept shifting while calls of one time were read");
        }
        self.skip = 0;
        self.before.clear();
    }
}
