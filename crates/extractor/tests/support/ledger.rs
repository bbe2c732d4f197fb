//! A ledger in memory that hands out slots of a shared pace.

use std::sync::Mutex;

use async_trait::async_trait;
use chrono::TimeDelta;
use clarion_core::{Ask, Error, Grant, Kind, Ledger, Recent, Result, Spent, Timestamp, WeekUse, week_start};

#[derive(Default)]
pub(crate) struct MemoryLedger(pub(crate) Mutex<Books>);

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) reserved: u64,
    pub(crate) spent: Vec<Spent>,
    pub(crate) grants: i64,
    next_slot: Option<Timestamp>,
}

impl Books {
    pub(crate) fn total_spent(&self) -> u64 {
        self.spent.iter().map(|spent| spent.requests).sum()
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn reserve(&self, ask: Ask) -> Result<Grant> {
        let mut books = self.0.lock().unwrap();
        let used = books.reserved + books.total_spent();
        let left = if ask.weekly_limit == 0 { u64::MAX } else { ask.weekly_limit.saturating_sub(used) };
        let requests = u32::try_from(left.min(u64::from(ask.requests))).unwrap();
        if requests == 0 {
            return Err(Error::new(Kind::Quota, "the week's requests are spent"));
        }
        books.reserved += u64::from(requests);
        books.grants += 1;
        let mut starts_at = ask.now;
        if ask.rate > 0.0 {
            starts_at = books.next_slot.map_or(ask.now, |slot| slot.max(ask.now));
            let micros = (f64::from(requests) / ask.rate * 1e6).round();
            books.next_slot = Some(starts_at + TimeDelta::microseconds(micros as i64));
        }
        Ok(Grant { id: books.grants, week_start: week_start(ask.now), requests, starts_at })
    }

    async fn settle(&self, grant: &Grant, spent: &[Spent], close: bool) -> Result<()> {
        let mut books = self.0.lock().unwrap();
        assert!(close, "the gate settles a block once");
        books.reserved -= u64::from(grant.requests);
        books.spent.extend_from_slice(spent);
        Ok(())
    }

    async fn week(&self, now: Timestamp) -> Result<WeekUse> {
        let books = self.0.lock().unwrap();
        let week_start = week_start(now);
        Ok(WeekUse {
            week_start,
            resumes_at: week_start + TimeDelta::weeks(1),
            used: books.reserved + books.total_spent(),
            reserved: books.reserved,
            spent: books.spent.clone(),
            recent: Recent::default(),
        })
    }
}
