//! What a sync or a backfill would fetch, and when it would end.

mod sync;

use std::collections::BTreeMap;

use chrono::Duration;
use clarion_core::{Op, Purpose, Reason, Result, StreamName, Timestamp, WeekUse, Window, week_start};
use serde::Serialize;

use crate::backfill::{BackfillOptions, Bounded, SLICE, gaps};
use crate::calls::FORWARD;
use crate::engine::Engine;

/// New rows of a page: one of 100 overlaps.
const PAGE: u64 = 99;
/// Sizes of records before the journal holds any, as measured on real conversations.
const CALL_BYTES: u64 = 2_000;
const DETAILS_BYTES: u64 = 36_000;
/// Known calls from which the share that has details is taken.
const ENOUGH: u64 = 100;
/// Which span; a sync if there is no backfill.
#[derive(Debug, Clone, Default)]
pub struct PlanOptions {
    pub backfill: Option<BackfillOptions>,
    /// Only these streams; all that are enabled if empty.
    pub streams: Vec<StreamName>,
}

#[derive(Debug, Serialize)]
pub struct Plan {
    pub kind: &'static str,
    pub lines: Vec<PlanLine>,
    pub requests: u64,
    pub rows: u64,
    /// Of vendor JSON.
    pub bytes: u64,
    pub quota: PlanQuota,
    /// When it ends, at the pace and with the quota that is left beside the forward sync.
    pub ends_at: Timestamp,
    /// What this plan itself cost.
    pub requests_made: u64,
}

/// Requests of one stream for one purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanLine {
    pub stream: StreamName,
    pub purpose: Purpose,
    pub requests: u64,
    pub rows: u64,
    pub bytes: u64,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct PlanQuota {
    /// `None` when unlimited.
    pub left: Option<u64>,
    /// The part of it that is kept for the forward sync.
    pub kept: u64,
    pub resets_at: Timestamp,
}

/// What a number of calls costs to list and to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Estimate {
    pub(crate) calls: u64,
    pub(crate) listing: u64,
    pub(crate) details: u64,
}

impl Estimate {
    pub(crate) fn requests(self) -> u64 {
        self.listing + self.details
    }

    /// `share` of 1,000 calls have details.
    fn of(calls: u64, share: u64, with_private: bool) -> Self {
        let passes = 1 + u64::from(with_private);
        // A slice is cut by two counts and proved by one.
        let listing = calls.div_ceil(PAGE) * passes + calls.div_ceil(SLICE) * 3;
        Self { calls, listing, details: (calls * share).div_ceil(1_000) }
    }
}

impl Engine {
    /// # Behavior
    /// - At most one request a stream.
    pub async fn plan(&self, options: &PlanOptions) -> Result<Plan> {
        let sizes = self.sizes().await?;
        let wants = |stream: &StreamName| options.streams.is_empty() || options.streams.contains(stream);
        let has_history = self.stores.state.cursors().await?.contains_key(FORWARD);
        let (kind, mut lines) = match &options.backfill {
            Some(asked) => ("backfill", self.backfill_lines(self.asked(asked).await?, &sizes).await?),
            None if has_history => ("sync", self.sync_lines(&sizes).await?),
            None => ("first sync", self.backfill_lines(self.history(), &sizes).await?),
        };
        if options.backfill.is_none() {
            lines.extend(self.declared_lines(&options.streams).await?);
        }
        lines.retain(|line| wants(&line.stream) && line.requests > 0);
        self.source.settle().await?;
        let requests = lines.iter().map(|line| line.requests).sum();
        let now = self.stores.clock.now();
        let week = self.stores.ledger.week(now).await?;
        Ok(Plan {
            kind,
            requests,
            rows: lines.iter().map(|line| line.rows).sum(),
            bytes: lines.iter().map(|line| line.bytes).sum(),
            lines,
            quota: self.plan_quota(&week, now),
            ends_at: self.ends_at(requests, &week, now),
            requests_made: self.source.usage().total,
        })
    }

    pub(crate) async fn estimate(&self, calls: u64) -> Result<Estimate> {
        let known = self.stores.state.count_known(&StreamName::CALLS).await?;
        let details = self.stores.state.count_known(&StreamName::CALL_DETAILS).await?;
        let queued: u64 = self.queued().await?.values().sum();
        if !self.streams.call_details.enabled {
            return Ok(Estimate::of(calls, 0, self.include_private));
        }
        let share = if known < ENOUGH { 1_000 } else { ((details + queued) * 1_000 / known).min(1_000) };
        Ok(Estimate::of(calls, share, self.include_private))
    }

    async fn backfill_lines(&self, span: Bounded, sizes: &Sizes) -> Result<Vec<PlanLine>> {
        let slices = self.stores.state.slices(&StreamName::CALLS).await?;
        let open = gaps(span, &slices);
        // One request: of a span with holes the oldest and the newest moment bound what is left.
        let left = match (open.last(), open.first()) {
            (Some(oldest), Some(newest)) => {
                let proved =
                    slices.iter().filter(|slice| slice.from >= oldest.from && slice.to <= Some(newest.to));
                let known: u64 = proved.filter(|slice| slice.to.is_some()).map(|slice| slice.rows).sum();
                let window = Window::ByTime { from: oldest.from, to: Some(newest.to) };
                let matched = self.source.count(&window, self.visibility(), Purpose::Backfill).await?;
                matched.saturating_sub(known)
            }
            _ => 0,
        };
        let estimate = self.estimate(left).await?;
        let queued = self.queued().await?.get(&Reason::Backfill).copied().unwrap_or(0);
        let details = estimate.details + queued;
        Ok(vec![
            line(
                StreamName::CALLS,
                Purpose::Backfill,
                estimate.listing,
                estimate.calls,
                estimate.calls * sizes.call,
            ),
            line(StreamName::CALL_DETAILS, Purpose::Backfill, details, details, details * sizes.details),
        ])
    }

    /// The span of a backfill: of the one under way if it was asked for before.
    async fn asked(&self, options: &BackfillOptions) -> Result<Bounded> {
        let jobs = self.stores.state.backfills().await?;
        let job = jobs.into_iter().find(|job| job.id == options.id && job.ended_at.is_none());
        let now = self.stores.clock.now();
        let asked = Bounded { from: options.from, to: options.to.unwrap_or(now) };
        Ok(job.map_or(asked, |job| Bounded { from: job.from, to: job.to }))
    }

    fn history(&self) -> Bounded {
        Bounded { from: self.history_start, to: self.stores.clock.now() }
    }

    /// Due entries of the queue by reason.
    async fn queued(&self) -> Result<BTreeMap<Reason, u64>> {
        let depth = self.stores.state.queue_depth(self.stores.clock.now()).await?;
        Ok(depth.into_iter().map(|(reason, (_, due))| (reason, due)).collect())
    }

    fn plan_quota(&self, week: &WeekUse, now: Timestamp) -> PlanQuota {
        let left = (self.weekly_requests > 0).then(|| self.weekly_requests.saturating_sub(week.used));
        let kept = week.recent.reserve(self.weekly_requests, now).min(left.unwrap_or(0));
        PlanQuota { left, kept, resets_at: week.resumes_at }
    }

    /// When so many requests will have been made, week after week beside the forward sync.
    pub(crate) fn ends_at(&self, requests: u64, week: &WeekUse, now: Timestamp) -> Timestamp {
        let quota = self.plan_quota(week, now);
        let next = week_start(now) + Duration::weeks(1);
        let per_week =
            self.weekly_requests - week.recent.reserve(self.weekly_requests, next).min(self.weekly_requests);
        end(
            requests,
            quota.left.map(|left| (left - quota.kept, per_week.max(1))),
            self.requests_per_second,
            now,
        )
    }

    /// Average sizes of what the journal's last segment holds.
    async fn sizes(&self) -> Result<Sizes> {
        let mut sizes = Sizes { call: CALL_BYTES, details: DETAILS_BYTES };
        let Some(last) = self.stores.state.segments(0).await?.pop() else {
            return Ok(sizes);
        };
        let entries = self.stores.journal.read(last.number).await?;
        for (stream, size) in
            [(StreamName::CALLS, &mut sizes.call), (StreamName::CALL_DETAILS, &mut sizes.details)]
        {
            let of_stream =
                entries.iter().flatten().filter(|entry| entry.stream == stream && entry.op == Op::Upsert);
            let lengths: Vec<u64> = of_stream.map(|entry| entry.data.len() as u64).collect();
            if !lengths.is_empty() {
                *size = lengths.iter().sum::<u64>() / lengths.len() as u64;
            }
        }
        Ok(sizes)
    }
}

struct Sizes {
    call: u64,
    details: u64,
}

fn line(stream: StreamName, purpose: Purpose, requests: u64, rows: u64, bytes: u64) -> PlanLine {
    PlanLine { stream, purpose, requests, rows, bytes }
}

/// `quota` is what is left this week and what each later week gives; `None` without a limit.
fn end(requests: u64, quota: Option<(u64, u64)>, per_second: f64, now: Timestamp) -> Timestamp {
    let takes = |requests: u64| {
        let seconds = if per_second > 0.0 { requests as f64 / per_second } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds of at most centuries")]
        Duration::milliseconds((seconds * 1e3) as i64)
    };
    let Some((left, per_week)) = quota.filter(|(left, _)| *left < requests) else {
        return now + takes(requests);
    };
    let later = requests - left;
    let full_weeks = i32::try_from((later - 1) / per_week).unwrap_or(i32::MAX).min(5_000);
    let rest = later - u64::from(full_weeks.unsigned_abs()) * per_week;
    week_start(now) + Duration::weeks(1) * (full_weeks + 1) + takes(rest)
}

#[cfg(test)]
mod tests {
    use clarion_core::parse_timestamp;

    use super::*;

    fn at(text: &str) -> Timestamp {
        parse_timestamp(text).expect("a time")
    }

    #[test]
    fn what_fits_the_week_ends_at_the_pace_and_what_does_not_waits_for_sundays() {
        let now = at("2026-11-18T00:00:00Z");
        assert_eq!(end(3_600, None, 1.0, now), at("2026-11-18T01:00:00Z"));
        assert_eq!(end(3_600, Some((3_600, 90_000)), 1.0, now), at("2026-11-18T01:00:00Z"));
        assert_eq!(end(3_601, Some((3_600, 90_000)), 1.0, now), at("2026-11-22T00:00:01Z"));
        let three_weeks = end(10_000 + 2 * 90_000 + 3_600, Some((10_000, 90_000)), 1.0, now);
        assert_eq!(three_weeks, at("2026-12-06T01:00:00Z"));
    }

    #[test]
    fn an_estimate_adds_pages_proofs_and_details() {
        let estimate = Estimate::of(990, 900, true);
        assert_eq!((estimate.listing, estimate.details), (20 + 3, 891));
        assert_eq!(Estimate::of(0, 1_000, true).requests(), 0);
    }
}
