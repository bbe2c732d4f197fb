//! Paging as a state machine without I/O: what to ask next, given what was answered.
//!
//! A page got by offset overlaps the one before by a row. Where that row is not found, rows moved to the front while
//! the list was read and one of them may have slipped past: the list is read again.

use std::borrow::Cow;
use std::collections::HashSet;

use clarion_core::{Declaration, Error, Kind, Paging, RecordKey, Result, Retry, fault};

use super::cut::Page;

/// Readings of one list, the first included, before it counts as not to be proved.
const READINGS: u32 = 4;
/// Pages in a row without records: a server that still gives marks of a next one has come to its end.
const BARREN: u32 = 5;

pub(super) struct Pages<'s> {
    stream: &'s Declaration,
    /// Records a page; halved when an answer was too large.
    limit: u32,
    at: At,
    seen: HashSet<RecordKey>,
    /// Records that came twice in one page: the server counts them, and the keys do not.
    doubles: u64,
    /// Keys of the page before.
    before: Vec<RecordKey>,
    /// The record that a page got by offset must hold.
    anchor: Option<RecordKey>,
    /// Marks and addresses of pages that were asked for.
    passed: HashSet<String>,
    /// What the server said last of how many there are.
    matched: Option<u64>,
    /// Pages of this reading, and those at its end that held no records.
    taken: u32,
    barren: u32,
    readings: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    Whole,
    Skip(u32),
    Page(u32),
    Cursor(Option<String>),
    Link(Option<String>),
    End,
}

/// What a page shows beside its records.
#[derive(Debug, Clone, Copy)]
struct Signs {
    /// Records that were not seen before.
    fresh: usize,
    /// The server counts fewer than it did.
    fell: bool,
}

/// The parameters of the next page, or its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    Params(Vec<(Cow<'static, str>, String)>),
    Link(String),
}

impl<'s> Pages<'s> {
    /// At most `limit` records a page.
    pub(super) fn new(stream: &'s Declaration, limit: u32) -> Self {
        Self {
            stream,
            limit,
            at: start(stream.paging),
            seen: HashSet::new(),
            doubles: 0,
            before: Vec::new(),
            anchor: None,
            passed: HashSet::new(),
            matched: None,
            taken: 0,
            barren: 0,
            readings: 1,
        }
    }

    /// `None` once everything was read.
    pub(super) fn next(&self) -> Result<Option<Next>> {
        let stream = self.stream;
        let mut params = Vec::new();
        let mut add = |name: &str, value: String| {
            if !name.is_empty() {
                params.push((Cow::Owned(name.to_owned()), value));
            }
        };
        match &self.at {
            At::End => return Ok(None),
            At::Link(Some(link)) => return Ok(Some(Next::Link(link.clone()))),
            At::Whole => {}
            At::Skip(skip) if *skip > self.reach() => return Err(self.beyond_reach()),
            At::Skip(skip) => {
                add(&stream.skip_param, skip.to_string());
                add(&stream.limit_param, self.limit.to_string());
            }
            At::Page(number) => {
                add(&stream.page_param, number.to_string());
                add(&stream.limit_param, self.limit.to_string());
            }
            At::Cursor(cursor) => {
                add(&stream.limit_param, self.limit.to_string());
                if let Some(cursor) = cursor {
                    add(&stream.page_cursor_param, cursor.clone());
                }
            }
            At::Link(None) => add(&stream.limit_param, self.limit.to_string()),
        }
        Ok(Some(Next::Params(params)))
    }

    /// Whether a page that is too large can be asked for in smaller pieces.
    pub(super) fn is_divisible(&self) -> bool {
        let sized = !matches!(self.at, At::Whole | At::Link(Some(_)) | At::End);
        sized && self.limit > 1 && !self.stream.limit_param.is_empty()
    }

    /// The last page was too large. Numbers count pages of one size: there the list is read anew.
    pub(super) fn halve(&mut self) -> u32 {
        self.limit = (self.limit / 2).max(1);
        if matches!(self.at, At::Page(_)) {
            self.start_over();
        }
        self.limit
    }

    /// The page that [`Self::next`] asked for is not there (404); whether that is the list's end and not its absence. Behind
    /// the last page some servers have none.
    pub(super) fn is_past_end(&mut self) -> Result<bool> {
        if self.taken == 0 {
            return Ok(false);
        }
        if matches!(self.at, At::Skip(_) | At::Page(_)) {
            self.at = At::End;
            self.prove()?;
            return Ok(true);
        }
        Err(self.wrong("the next page that the server named is not there"))
    }

    /// A later page by offset was refused (400): the offset may have a bound that the declaration does not name.
    pub(super) fn refused(&self, error: Error) -> Error {
        if self.taken == 0 || !matches!(self.at, At::Skip(_)) {
            return error;
        }
        self.unproven("the server refused a later page").source(error).hint(
            "if its offset has a bound, set `max_skip`, and `slice_from_param` and `slice_to_param` if it filters by time",
        )
    }

    /// What the server counts, if that is more than the offset reaches.
    pub(super) fn beyond(&self) -> Option<u64> {
        let reach = self.reach();
        let stands_beyond = matches!(self.at, At::Skip(skip) if skip > reach);
        self.matched.filter(|matched| self.at != At::End && (stands_beyond || *matched > u64::from(reach)))
    }

    /// The keys that were seen, and how many records came beside them.
    pub(super) fn into_seen(self) -> (HashSet<RecordKey>, u64) {
        (self.seen, self.doubles)
    }

    /// How far the offset goes.
    fn reach(&self) -> u32 {
        match self.stream.max_skip {
            0 => u32::MAX - self.stream.page_size,
            most => most,
        }
    }

    /// Takes the answer to what [`Self::next`] asked for.
    pub(super) fn take(&mut self, page: &Page) -> Result<()> {
        let fell = page.matched.zip(self.matched).is_some_and(|(now, before)| now < before);
        self.matched = page.matched.or(self.matched);
        let keys = &page.keys;
        let fresh = self.remember(keys);
        self.taken += 1;
        match self.at.clone() {
            At::Whole => self.take_whole(page)?,
            At::Skip(skip) => self.take_by_offset(page, keys, skip, Signs { fresh, fell })?,
            At::Page(number) => self.take_by_number(page, keys, number, fresh)?,
            At::Cursor(here) => {
                let next = self.go_on(page, here.as_deref(), fresh)?;
                self.at = next.map_or(At::End, |next| At::Cursor(Some(next)));
            }
            At::Link(here) => {
                let next = self.go_on(page, here.as_deref(), fresh)?;
                self.at = next.map_or(At::End, |next| At::Link(Some(next)));
            }
            At::End => {}
        }
        self.before.clone_from(keys);
        if self.at == At::End { self.prove() } else { Ok(()) }
    }

    /// Everything is said to be in one answer.
    fn take_whole(&mut self, page: &Page) -> Result<()> {
        let more =
            page.has_more == Some(true) || page.matched.is_some_and(|all| all > page.keys.len() as u64);
        if more && !self.stream.by_id {
            return Err(self
                .wrong("the answer is one page of several")
                .hint("set `paging` of this stream, for instance to \"skip\""));
        }
        self.at = At::End;
        Ok(())
    }

    fn take_by_offset(&mut self, page: &Page, keys: &[RecordKey], skip: u32, signs: Signs) -> Result<()> {
        if keys.len() > self.limit as usize {
            return Err(self
                .wrong("the server sent more records than a page holds")
                .hint("set `paging = \"none\"` if it sends everything at once"));
        }
        if !keys.is_empty() && keys == self.before.as_slice() {
            return Err(self.wrong("the server gave the same page again: it ignores the offset"));
        }
        // A page of one row has no room for an overlap: there the count must tell.
        let shifted = match self.anchor.take() {
            Some(anchor) => !keys.contains(&anchor),
            None => signs.fell && skip > 0,
        };
        if shifted && !fault::defect("extractor.shift_is_fine") {
            return self.read_again("records kept shifting while the list was read");
        }
        let reached = skip + u32::try_from(keys.len()).unwrap_or(self.limit);
        let short = keys.len() < self.limit as usize;
        if keys.is_empty() || says_all(page, u64::from(reached)) || short && signs.fresh == 0 {
            self.at = At::End;
            return Ok(());
        }
        // The last row is seen again, where there is room for another one beside it.
        let overlap = u32::from(keys.len() > 1);
        if overlap > 0 {
            self.anchor = keys.last().cloned();
        }
        self.at = At::Skip(reached - overlap);
        Ok(())
    }

    /// By number a shift cannot be seen; what the server counts can.
    fn take_by_number(&mut self, page: &Page, keys: &[RecordKey], number: u32, fresh: usize) -> Result<()> {
        let full = keys.len() >= self.limit as usize;
        if full && keys == self.before.as_slice() {
            return Err(self.wrong("the server gave the same page again: it ignores the page's number"));
        }
        let all = self.seen.len() as u64 + self.doubles;
        self.at = if fresh == 0 || says_all(page, all) { At::End } else { At::Page(number + 1) };
        Ok(())
    }

    /// The mark of the next page, if there is one. Some servers give one for ever: the same again, or fresh ones to pages
    /// without records. A mark that leads to records which were read before leads in a circle.
    fn go_on(&mut self, page: &Page, here: Option<&str>, fresh: usize) -> Result<Option<String>> {
        let Some(next) = page.next.as_deref() else { return Ok(None) };
        self.barren = if page.keys.is_empty() { self.barren + 1 } else { 0 };
        let stays = here == Some(next) && (fresh > 0 || page.keys.is_empty());
        if stays || self.barren > 0 && page.has_more == Some(false) || self.barren >= BARREN {
            return Ok(None);
        }
        if self.passed.insert(next.to_owned()) {
            return Ok(Some(next.to_owned()));
        }
        Err(self.wrong("the server's mark of the next page leads back to a page that was read"))
    }

    /// Returns how many are new; what came twice in one page is counted.
    fn remember(&mut self, keys: &[RecordKey]) -> usize {
        let known = self.seen.len();
        let mut here = HashSet::with_capacity(keys.len());
        for key in keys {
            if !here.insert(key) {
                self.doubles += 1;
            }
            self.seen.insert(key.clone());
        }
        self.seen.len() - known
    }

    /// The server must not know of more than was seen.
    fn prove(&mut self) -> Result<()> {
        let seen = self.seen.len() as u64 + self.doubles;
        match self.matched.filter(|matched| *matched > seen && !self.stream.by_id) {
            None => Ok(()),
            Some(_) => self.read_again("the server says that there are more records than it gave"),
        }
    }

    fn read_again(&mut self, why: &'static str) -> Result<()> {
        if self.readings >= READINGS {
            let hint = "it is read again in the next sync; if it stays, `key` may not tell the records apart";
            return Err(self.unproven(why).hint(hint));
        }
        self.readings += 1;
        self.start_over();
        Ok(())
    }

    fn start_over(&mut self) {
        self.at = start(self.stream.paging);
        self.seen.clear();
        self.passed.clear();
        self.before.clear();
        self.anchor = None;
        self.doubles = 0;
        self.matched = None;
        self.taken = 0;
        self.barren = 0;
    }

    fn beyond_reach(&self) -> Error {
        self.unproven("the list is longer than its offset reaches").with("skip", self.reach()).hint(
            "if the endpoint filters by time, name its parameters in `slice_from_param` and `slice_to_param`",
        )
    }

    fn unproven(&self, why: &str) -> Error {
        Error::new(Kind::Unproven, "a list could not be proved complete")
            .retry(Retry::Persistent)
            .with("stream", &self.stream.name)
            .with("reason", why)
            .with("seen", self.seen.len())
            .with("matched", self.matched.map_or_else(|| "unknown".to_owned(), |matched| matched.to_string()))
    }

    fn wrong(&self, message: &str) -> Error {
        Error::new(Kind::Protocol, message).with("stream", &self.stream.name)
    }
}

fn start(paging: Paging) -> At {
    match paging {
        Paging::None => At::Whole,
        Paging::Skip => At::Skip(0),
        Paging::Page => At::Page(1),
        Paging::Cursor => At::Cursor(None),
        Paging::NextLink => At::Link(None),
    }
}

/// Whether the server says that `reached` records are all there are.
fn says_all(page: &Page, reached: u64) -> bool {
    match (page.matched, page.has_more) {
        (Some(matched), more) => matched <= reached && more != Some(true),
        (None, more) => more == Some(false),
    }
}
