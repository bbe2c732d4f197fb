//! What `status` and `streams` show.

use std::collections::BTreeMap;

use chrono::SecondsFormat;
use clarion_core::{
    Backfill, DestinationState, Reason, Rejected, Result, Slice, StreamName, Timestamp, WeekUse,
    check_journal,
};
use serde::Serialize;

use crate::about::CALL_STREAMS;
use crate::calls::{FORWARD, history_is_open};
use crate::engine::Engine;
use crate::freshness;
use crate::generation;
use crate::rules::RuleStatus;
use crate::settings::DetailsMode;

#[derive(Debug, Serialize)]
pub struct Status {
    pub runs: Vec<serde_json::Value>,
    pub streams: Vec<StreamStatus>,
    pub queue: Vec<QueueStatus>,
    /// Calls that a proved listing did not show and that no 404 has confirmed as deleted.
    pub suspects: u64,
    pub quota: QuotaStatus,
    pub journal: JournalStatus,
    pub destinations: Vec<DestinationStatus>,
    pub rejected: Vec<Rejected>,
    /// Streams with column rules, or whose records were journalled under others.
    pub rules: Vec<RuleStatus>,
    pub backfills: Vec<BackfillStatus>,
    /// The last generation of `call_details` that began.
    pub generation: u32,
    pub generation_progress: GenerationStatus,
}

/// How far the last generation is.
#[derive(Debug, Serialize)]
pub struct GenerationStatus {
    pub begun_at: Option<Timestamp>,
    /// Whether all of history was listed for it.
    pub listed: bool,
    /// Calls whose turn is still to come.
    pub waiting: u64,
    /// Calls whose details are known.
    pub calls: u64,
    pub complete: bool,
}

#[derive(Debug, Serialize)]
pub struct StreamStatus {
    pub name: String,
    pub mode: &'static str,
    pub key: String,
    /// A time, or how far an incremental stream came in the vendor's own words.
    pub cursor: Option<String>,
    pub enabled: bool,
    pub rows: u64,
    pub last_success: Option<Timestamp>,
    /// Whether this workspace has the endpoint.
    pub availability: String,
    /// By when an edit or a deletion at the vendor is seen here.
    pub seen_by: String,
}

#[derive(Debug, Serialize)]
pub struct BackfillStatus {
    /// In the words in which it was asked for.
    pub span: String,
    pub from: Timestamp,
    pub to: Timestamp,
    pub begun_at: Timestamp,
    /// Spans of it whose listing is proved.
    pub slices_proved: u64,
    pub calls_listed: u64,
    pub calls_expected: u64,
    pub requests_spent: u64,
    pub requests_planned: u64,
    /// When it ended, or will end at the pace and with the quota there is.
    pub ends_at: Timestamp,
    pub done: bool,
}

#[derive(Debug, Serialize)]
pub struct QueueStatus {
    pub reason: &'static str,
    pub waiting: u64,
    pub due: u64,
}

#[derive(Debug, Serialize)]
pub struct QuotaStatus {
    pub week_start: Timestamp,
    pub used: u64,
    pub left: Option<u64>,
    pub resets_at: Timestamp,
    pub by_purpose: BTreeMap<&'static str, u64>,
}

#[derive(Debug, Serialize)]
pub struct JournalStatus {
    pub segments: u64,
    pub records: u64,
    pub raw_bytes: u64,
    pub stored_bytes: u64,
}

#[derive(Debug, Serialize)]
pub struct DestinationStatus {
    pub name: String,
    pub position: Option<String>,
    /// Journal records that it has not loaded.
    pub lag_records: Option<u64>,
    pub tables: BTreeMap<String, u64>,
    pub error: Option<String>,
}

/// Runs shown.
const RUNS: u32 = 5;
/// Rejected records shown.
const REJECTED: u32 = 20;

impl Engine {
    pub async fn status(&self) -> Result<Status> {
        let now = self.stores.clock.now();
        let state = &self.stores.state;
        let runs = state.runs(RUNS).await?.into_iter().map(|run| run_json(&run)).collect();
        let depth = state.queue_depth(now).await?;
        let queue = depth.iter().map(|(reason, (waiting, due))| QueueStatus {
            reason: reason.as_str(),
            waiting: *waiting,
            due: *due,
        });
        let segments = state.segments(0).await?;
        Ok(Status {
            runs,
            streams: self.stream_status().await?,
            queue: queue.collect(),
            suspects: depth.get(&Reason::Missing).map_or(0, |(waiting, _)| *waiting),
            quota: self.quota_status(&self.stores.ledger.week(now).await?),
            journal: JournalStatus {
                segments: segments.len() as u64,
                records: segments.iter().map(|segment| u64::from(segment.records)).sum(),
                raw_bytes: segments.iter().map(|segment| segment.raw_bytes).sum(),
                stored_bytes: segments.iter().map(|segment| segment.stored_bytes).sum(),
            },
            destinations: self.destination_status().await?,
            rejected: state.rejected(REJECTED).await?,
            rules: self.rule_status().await?,
            backfills: self.backfill_status().await?,
            generation: state.generation().await?,
            generation_progress: self.generation_status(&depth).await?,
        })
    }

    /// All that is rejected, the latest first.
    pub async fn rejected(&self) -> Result<Vec<Rejected>> {
        self.stores.state.rejected(u32::MAX >> 1).await
    }

    async fn generation_status(&self, depth: &BTreeMap<Reason, (u64, u64)>) -> Result<GenerationStatus> {
        let state = &self.stores.state;
        let cursors = state.cursors().await?;
        let cursor = |name: &str| cursors.get(name).copied();
        let turns = generation::turns_of(state.generation().await?);
        let waiting = turns.iter().filter_map(|reason| depth.get(reason)).map(|(waiting, _)| waiting).sum();
        let listed = cursor(FORWARD).is_some() && !history_is_open(cursor);
        Ok(GenerationStatus {
            begun_at: cursor(generation::BEGUN),
            listed,
            waiting,
            calls: state.count_known(&StreamName::CALL_DETAILS).await?,
            complete: listed && waiting == 0,
        })
    }

    /// Historical loads, and what they would have to spend; no destination is asked.
    pub async fn backfills(&self) -> Result<(Vec<BackfillStatus>, QuotaStatus)> {
        let week = self.stores.ledger.week(self.stores.clock.now()).await?;
        Ok((self.backfill_status().await?, self.quota_status(&week)))
    }

    async fn backfill_status(&self) -> Result<Vec<BackfillStatus>> {
        let now = self.stores.clock.now();
        let week = self.stores.ledger.week(now).await?;
        let jobs = self.stores.state.backfills().await?;
        let slices = self.stores.state.slices(&StreamName::CALLS).await?;
        let status = jobs.into_iter().map(|job| BackfillStatus {
            slices_proved: slices.iter().filter(|slice| is_of(slice, &job)).count() as u64,
            ends_at: job
                .ended_at
                .unwrap_or_else(|| self.ends_at(job.planned.saturating_sub(job.spent), &week, now)),
            done: job.ended_at.is_some(),
            span: job.id,
            from: job.from,
            to: job.to,
            begun_at: job.begun_at,
            calls_listed: job.listed,
            calls_expected: job.expected,
            requests_spent: job.spent,
            requests_planned: job.planned,
        });
        Ok(status.collect())
    }

    /// The names of all streams, the two that are read their own way first.
    pub(crate) fn stream_names(&self) -> Vec<StreamName> {
        let declared = self.stores.declared.iter().map(|stream| stream.name.clone());
        CALL_STREAMS.into_iter().chain(declared).collect()
    }

    pub async fn stream_status(&self) -> Result<Vec<StreamStatus>> {
        let cursors = self.stores.state.cursors().await?;
        let marks = self.stores.state.marks().await?;
        let last_success = freshness::last_success(self.stores.state.as_ref()).await?;
        let mut status = Vec::new();
        for (stream, mode) in
            CALL_STREAMS.into_iter().zip(["incremental by last_modified_time", "full loads"])
        {
            status.push(StreamStatus {
                seen_by: self.seen_by(&stream),
                cursor: cursors.get(&format!("{stream}.forward")).copied().map(written),
                rows: self.stores.state.count_known(&stream).await?,
                enabled: self.streams.is_enabled(&stream),
                name: stream.to_string(),
                mode,
                key: "id".to_owned(),
                last_success,
                availability: "available".to_owned(),
            });
        }
        for stream in self.stores.declared.iter() {
            let standing = self.standing(stream, &cursors, &marks).await?;
            status.push(StreamStatus {
                name: stream.name.to_string(),
                mode: standing.mode,
                key: stream.key.names().join(", "),
                cursor: standing.cursor,
                enabled: stream.enabled,
                rows: self.stores.state.count_known(&stream.name).await?,
                last_success: standing.last_success,
                availability: standing.availability,
                seen_by: standing.seen_by,
            });
        }
        Ok(status)
    }

    /// The bound on how stale a stream's tables may be, in words.
    fn seen_by(&self, stream: &StreamName) -> String {
        let relist = spaced(self.streams.calls.relist);
        let details = &self.streams.call_details;
        let all = match details.mode {
            DetailsMode::Full => format!("one generation ({})", spaced(details.generation_every)),
            DetailsMode::Changed => "`sync --full`".to_owned(),
        };
        if *stream == StreamName::CALLS {
            format!("next sync (calls of the last {relist} and to come); all others: {all}")
        } else {
            format!("as calls, where the list shows it; the rest: {all}")
        }
    }

    fn quota_status(&self, week: &WeekUse) -> QuotaStatus {
        let mut by_purpose: BTreeMap<&'static str, u64> = BTreeMap::new();
        for spent in &week.spent {
            *by_purpose.entry(spent.purpose.as_str()).or_default() += spent.requests;
        }
        QuotaStatus {
            week_start: week.week_start,
            used: week.used,
            left: (self.weekly_requests > 0).then(|| self.weekly_requests.saturating_sub(week.used)),
            resets_at: week.resumes_at,
            by_purpose,
        }
    }

    /// What each destination holds of this journal.
    pub(crate) async fn inspect_all(&self) -> Result<Vec<(String, Result<DestinationState>)>> {
        let journal = self.stores.journal.id().await?;
        let mut inspected = Vec::new();
        for destination in &self.destinations {
            let name = destination.name().to_owned();
            let state = destination.inspect().await.and_then(|state| {
                journal.as_ref().map_or(Ok(()), |own| check_journal(state.journal.as_ref(), own, &name))?;
                Ok(state)
            });
            inspected.push((name, state));
        }
        Ok(inspected)
    }

    async fn destination_status(&self) -> Result<Vec<DestinationStatus>> {
        let segments = self.stores.state.segments(0).await?;
        let mut status = Vec::new();
        for (name, inspected) in self.inspect_all().await? {
            status.push(match inspected {
                Ok(state) => DestinationStatus {
                    name,
                    position: Some(state.position.to_string()),
                    lag_records: Some(
                        segments
                            .iter()
                            .filter(|segment| segment.number > state.position.segment)
                            .map(|segment| u64::from(segment.records))
                            .sum(),
                    ),
                    tables: state
                        .tables
                        .iter()
                        .map(|(table, stats)| (table.to_string(), stats.rows))
                        .collect(),
                    error: None,
                },
                Err(error) => DestinationStatus {
                    name,
                    position: None,
                    lag_records: None,
                    tables: BTreeMap::new(),
                    error: Some(error.chain()),
                },
            });
        }
        Ok(status)
    }
}

fn is_of(slice: &Slice, job: &Backfill) -> bool {
    slice.from >= job.from && slice.to.is_some_and(|to| to <= job.to)
}

fn written(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn run_json(run: &clarion_core::RunRecord) -> serde_json::Value {
    serde_json::json!({
        "run_id": run.id.as_str(),
        "kind": run.kind,
        "outcome": run.outcome,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    })
}

/// A span of time for people: `14 days` instead of the configuration's `14days`.
pub(crate) fn spaced(period: crate::settings::Period) -> String {
    let text = String::from(period);
    let split = |part: &str| {
        let at = part.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(part.len());
        format!("{} {}", &part[..at], &part[at..])
    };
    text.split(' ').map(split).collect::<Vec<_>>().join(" ")
}
