//! What the next sync would ask for in the declared streams; no request.

use std::collections::BTreeMap;

use clarion_core::{Declaration, Paging, Purpose, Result, StreamName, Timestamp};

use super::windows::{self, Window};
use super::{due, lists, stats};
use crate::engine::Engine;
use crate::plan::PlanLine;

impl Engine {
    /// The requests of the streams that are due, by stream and purpose; of all that `wants` if it names some.
    pub(crate) async fn declared_lines(&self, wanted: &[StreamName]) -> Result<Vec<PlanLine>> {
        let now = self.stores.clock.now();
        let cursors = self.stores.state.cursors().await?;
        let marks = self.stores.state.marks().await?;
        let outlook = Outlook { engine: self, cursors, marks, now, forced: !wanted.is_empty() };
        let mut lines = Vec::new();
        for stream in self.stores.declared.iter() {
            if stream.enabled && (wanted.is_empty() || wanted.contains(&stream.name)) {
                lines.extend(outlook.lines(stream).await?);
            }
        }
        Ok(lines)
    }
}

struct Outlook<'e> {
    engine: &'e Engine,
    cursors: BTreeMap<String, Timestamp>,
    marks: BTreeMap<String, String>,
    now: Timestamp,
    forced: bool,
}

impl Outlook<'_> {
    async fn lines(&self, stream: &Declaration) -> Result<Vec<PlanLine>> {
        if stream.by_id {
            return self.by_id(stream).await;
        }
        let last = self.cursors.get(&due::read(&stream.name)).copied();
        let trial = self.marks.get(&due::tried(&stream.name));
        let waits = trial.is_some_and(|trial| due::waits(stream, trial, self.now));
        if !self.forced && (waits || !due::is_due(stream, last, self.now)) {
            return self.retries(stream).await;
        }
        let state = &self.engine.stores.state;
        let known = state.count_known(&stream.name).await?;
        let requests = if stream.is_windowed() {
            self.windows(stream).await?
        } else if stream.parent.is_empty() {
            pages(stream, known)
        } else {
            let (lists, _) = state.count_leads(&stream.name, self.now).await?;
            lists.max(pages(stream, known) * u64::from(lists > 0))
        };
        // An incremental read gives what is new, which nobody knows yet.
        let rows = if stream.is_incremental() && last.is_some() { 0 } else { known };
        Ok(vec![line(stream, Purpose::Forward, requests, rows)])
    }

    /// Lists that failed in the last pass, and have rested.
    async fn retries(&self, stream: &Declaration) -> Result<Vec<PlanLine>> {
        let begun = self.cursors.get(&due::begun(&stream.name)).copied();
        let Some(begun) = begun.filter(|_| !stream.parent.is_empty() && !self.is_absent(stream)) else {
            return Ok(Vec::new());
        };
        let state = self.engine.stores.state.as_ref();
        let lists = lists::to_retry(state, &stream.name, begun, self.now).await?;
        Ok(if lists > 0 { vec![line(stream, Purpose::Forward, lists, 0)] } else { Vec::new() })
    }

    fn is_absent(&self, stream: &Declaration) -> bool {
        self.marks.contains_key(&due::absent(&stream.name))
    }

    async fn windows(&self, stream: &Declaration) -> Result<u64> {
        let mark = self.marks.get(&due::written(&stream.name)).map(String::as_str);
        let since_format = stats::since_format(stream, mark);
        let asked = |month: Window| {
            self.cursors.get(&month.cursor(&stream.name)).copied().filter(|asked| *asked >= since_format)
        };
        let months = match stream.window_months {
            true => windows::months_due(stats::since(self.engine).await?, self.now, asked).len(),
            false => 0,
        };
        Ok(months as u64 + u64::from(stream.window_days > 0))
    }

    async fn by_id(&self, stream: &Declaration) -> Result<Vec<PlanLine>> {
        let state = &self.engine.stores.state;
        let last = self.cursors.get(&due::read(&stream.name)).copied();
        if self.is_absent(stream) && !self.forced && !due::is_due(stream, last, self.now) {
            return Ok(Vec::new());
        }
        let before = due::due_before(stream, self.now);
        let (_, due) = state.count_leads(&stream.name, before).await?;
        let (_, new) = state.count_leads(&stream.name, Timestamp::UNIX_EPOCH).await?;
        let mut again = due - new.min(due);
        if self.engine.weekly_requests > 0 {
            again = again.min(self.engine.weekly_requests / 100);
        }
        Ok(vec![line(stream, Purpose::Backfill, new, new), line(stream, Purpose::Reread, again, again)])
    }
}

fn pages(stream: &Declaration, records: u64) -> u64 {
    if stream.paging == Paging::None { 1 } else { records.div_ceil(u64::from(stream.page_size)).max(1) }
}

fn line(stream: &Declaration, purpose: Purpose, requests: u64, rows: u64) -> PlanLine {
    PlanLine { stream: stream.name.clone(), purpose, requests, rows, bytes: 0 }
}
