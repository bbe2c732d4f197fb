//! Calls without a time: found by windows of `last_modified_time`, each short enough to be read by `skip`.

use async_trait::async_trait;
use chrono::{NaiveDate, NaiveTime};
use clarion_core::{
    Error, Kind, Listed, PageSink, Purpose, Result, Retry, SourceRecord, Timestamp, Visibility, Window,
};

use super::pages::Pages;
use super::prove::{Plan, Prover, bisect};
use crate::paging::{Filters, MAX_SKIP};

/// Lists every call of every modified window, and passes on those without a time.
pub(super) async fn list(
    pages: &Pages,
    sink: &mut dyn PageSink,
    visibility: Visibility,
    purpose: Purpose,
) -> Result<Listed> {
    let mut only = OnlyTimeless(sink);
    let mut open = vec![(year(1970), year(2100))];
    let mut seen = 0;
    while let Some((after, before)) = open.pop() {
        let window = Window::Modified { after, before };
        let matched = pages.count(&Filters::of(&window, visibility), purpose).await?;
        match bisect(after, before).filter(|_| matched > u64::from(MAX_SKIP)) {
            Some((early, late)) => open.extend([late, early]),
            None if matched == 0 => {}
            None => {
                let plan = Plan { window, visibility, purpose, max_rows: 0, divisible: true };
                seen += Prover { pages, sink: &mut only }.list(&plan).await?.seen;
            }
        }
    }
    let matched = pages.count(&Filters::of(&Window::Everything, visibility), purpose).await?;
    if matched > seen {
        return Err(Error::new(
            Kind::Unproven,
            "calls with neither a time nor a last_modified_time cannot be listed",
        )
        .retry(Retry::Persistent)
        .with("stream", "calls")
        .with("matched", matched)
        .with("seen", seen));
    }
    Ok(Listed { covered_to: None, seen })
}

struct OnlyTimeless<'a>(&'a mut dyn PageSink);

#[async_trait]
impl PageSink for OnlyTimeless<'_> {
    async fn page(&mut self, mut records: Vec<SourceRecord>) -> Result<()> {
        records.retain(|record| record.time.is_none());
        if records.is_empty() { Ok(()) } else { self.0.page(records).await }
    }
}

fn year(year: i32) -> Timestamp {
    let day = NaiveDate::from_ymd_opt(year, 1, 1).unwrap_or_default();
    day.and_time(NaiveTime::MIN).and_utc()
}
