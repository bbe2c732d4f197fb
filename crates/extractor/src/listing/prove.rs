//! A pass proves itself, is repeated, is split in two, or is reported as a hole.

use clarion_core::{Error, Kind, Listed, PageSink, Purpose, Result, Retry, Timestamp, Visibility, Window};

use super::pages::Pages;
use super::walk::Walk;
use crate::paging::{Filters, MAX_SKIP, Pass, TICK, Tail};

/// Passes over a window before it is split, or given up.
const PASSES: u32 = 3;

/// What is to be listed and proved.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) window: Window,
    pub(super) visibility: Visibility,
    pub(super) purpose: Purpose,
    pub(super) max_rows: u64,
    /// Whether the two halves may be tried when the whole cannot be proved.
    pub(super) divisible: bool,
}

/// Lists and proves one plan after the other.
pub(super) struct Prover<'a> {
    pub(super) pages: &'a Pages,
    pub(super) sink: &'a mut dyn PageSink,
}

/// Why a pass proves nothing.
struct Doubt {
    matched: u64,
    seen: u64,
    why: &'static str,
    /// The vendor contradicted itself, or its `matched` did not fall while the bound moved.
    senseless: Option<&'static str>,
    /// The time whose calls could not all be reached.
    tie: Option<Timestamp>,
    middle: Option<Timestamp>,
}

impl Prover<'_> {
    pub(super) async fn list(&mut self, plan: &Plan) -> Result<Listed> {
        let mut senseless = 0;
        let mut last = None;
        for _ in 0..PASSES {
            match self.pass(plan).await? {
                Ok(listed) => return Ok(listed),
                Err(doubt) => {
                    senseless += u32::from(doubt.senseless.is_some());
                    let hopeless = doubt.tie.is_some();
                    last = Some(doubt);
                    if hopeless {
                        break;
                    }
                }
            }
        }
        let doubt = last.expect("there is at least one pass");
        if let Some(what) = doubt.senseless.filter(|_| senseless == PASSES) {
            return Err(describe(Error::new(Kind::Protocol, what), plan, &doubt));
        }
        let halves = plan.halves(doubt.middle).filter(|_| doubt.tie.is_none());
        match halves {
            Some((early, late)) => {
                let early = Box::pin(self.list(&early)).await?;
                let late = Box::pin(self.list(&late)).await?;
                Ok(Listed { covered_to: late.covered_to, seen: early.seen + late.seen })
            }
            None => {
                let error = Error::new(Kind::Unproven, "a listing could not be proved complete");
                Err(describe(error.retry(Retry::Persistent).with("reason", doubt.why), plan, &doubt))
            }
        }
    }

    async fn pass(&mut self, plan: &Plan) -> Result<Result<Listed, Doubt>> {
        let base = Filters::of(&plan.window, plan.visibility);
        let mut pass = Pass::new(base.clone(), plan.max_rows);
        let mut walk = Walk { pages: self.pages, purpose: plan.purpose, sink: &mut *self.sink };
        walk.run(&base, &mut pass).await?;
        let (_, last_matched) = pass.matched.unwrap_or_default();
        let whole = pass.pages == 1 && pass.covered_to.is_none() && last_matched == pass.count_seen();
        let matched = match pass.doubt {
            Some(_) => last_matched,
            None if whole => last_matched,
            None => self.proof(plan, &base, &mut pass).await?,
        };
        let seen = pass.count_seen();
        if pass.doubt.is_none() && matched <= seen {
            return Ok(Ok(Listed { covered_to: pass.covered_to, seen }));
        }
        Ok(Err(Doubt {
            matched,
            seen,
            why: pass.doubt.unwrap_or("the vendor says that more calls match than were seen"),
            senseless: pass.nonsense(),
            tie: pass.tie,
            middle: pass.middle(),
        }))
    }

    /// What matches now, asked without the moving bound.
    async fn proof(&mut self, plan: &Plan, base: &Filters, pass: &mut Pass) -> Result<u64> {
        let expected = pass.matched.map_or(0, |(first, _)| first);
        if base.modified.is_some() && expected <= u64::from(MAX_SKIP) {
            return self.tail(plan, base, pass, expected).await;
        }
        let covered = Filters { time_before: pass.covered_to.or(base.time_before), ..base.clone() };
        self.pages.count(&covered, plan.purpose).await
    }

    /// Without time bounds, calls without a time may stand at the end, where the pass did not look.
    async fn tail(&mut self, plan: &Plan, base: &Filters, pass: &mut Pass, expected: u64) -> Result<u64> {
        let mut tail = Tail::new(expected, self.pages.limit());
        while let Some(skip) = tail.skip() {
            let (page, limit) = self.pages.fetch(base, skip, plan.purpose).await?;
            tail.take(&page, limit);
            pass.remember(&page.rows);
            if !page.rows.is_empty() {
                self.sink.page(page.rows).await?;
            }
        }
        if !tail.is_complete() {
            pass.give_up("rows kept shifting while the end of the list was read");
        }
        Ok(tail.matched)
    }
}

impl Plan {
    /// The window cut in two where about half of the rows lie before.
    fn halves(&self, middle: Option<Timestamp>) -> Option<(Self, Self)> {
        if !self.divisible {
            return None;
        }
        let (early, late) = match self.window {
            Window::ByTime { from, to } => {
                let cut = middle.filter(|cut| *cut > from && to.is_none_or(|to| *cut < to))?;
                (Window::ByTime { from, to: Some(cut) }, Window::ByTime { from: cut, to })
            }
            Window::Modified { after, before } => {
                let (early, late) = bisect(after, before)?;
                (
                    Window::Modified { after: early.0, before: early.1 },
                    Window::Modified { after: late.0, before: late.1 },
                )
            }
            Window::Before(_) | Window::Everything => return None,
        };
        let half = |window, max_rows| Self { window, max_rows, divisible: false, ..self.clone() };
        Some((half(early, 0), half(late, self.max_rows)))
    }
}

/// Two windows with strict bounds that cover one.
pub(super) fn bisect(
    after: Timestamp,
    before: Timestamp,
) -> Option<((Timestamp, Timestamp), (Timestamp, Timestamp))> {
    let cut = crate::paging::floor(after + (before - after) / 2);
    (cut - TICK > after && cut < before).then_some(((after, cut), (cut - TICK, before)))
}

fn describe(error: Error, plan: &Plan, doubt: &Doubt) -> Error {
    let text = |time: Timestamp| clarion_core::format_timestamp(time);
    let (from, to) = match plan.window {
        Window::ByTime { from, to } => (text(from), to.map_or_else(|| "open".to_owned(), text)),
        Window::Modified { after, before } => (text(after), text(before)),
        Window::Before(time) => ("open".to_owned(), text(time)),
        Window::Everything => ("open".to_owned(), "open".to_owned()),
    };
    let by = if matches!(plan.window, Window::Modified { .. }) { "last_modified_time" } else { "time" };
    let error = match doubt.tie {
        Some(tie) => error.with("time", text(tie)),
        None => error,
    };
    error
        .with("stream", "calls")
        .with("by", by)
        .with("from", from)
        .with("to", to)
        .with("matched", doubt.matched)
        .with("seen", doubt.seen)
}
