//! The engine: what to fetch, in which order, and what counts as progress.
//!
//! Invariant: the pipeline sees only the ports of `clarion-core`. It owns no I/O and names no implementation.
//!
//! Extraction writes the journal and nothing else; loading reads the journal and nothing else. Between the two
//! stands the recorder, which makes data durable before the progress that covers it.

mod about;
mod absent;
mod backfill;
mod belt;
mod calls;
mod compact;
mod confirm;
mod declared;
mod details;
mod engine;
mod freshness;
mod generation;
mod identity;
mod journal_report;
mod judge;
mod listing;
mod load;
mod load_plan;
mod on_demand;
mod plan;
mod privacy;
mod purge;
mod record;
mod recorder;
mod recover;
mod rejected;
mod rewrites;
mod rules;
mod schedule;
mod schema_report;
mod service;
mod settings;
mod status;
mod sync;
mod tally;
mod tombstones;
mod verify;

pub use about::{is_chained, naming_its_call, without_purged};
pub use backfill::{BackfillOptions, Backfills};
pub use compact::Compacted;
pub use engine::{Engine, Stores, Writer};
pub use journal_report::{JournalReport, SegmentReport, Standing, StreamTotals, Totals};
pub use load::{LoadOptions, LoadOutcome, Retried};
pub use plan::{Plan, PlanLine, PlanOptions};
pub use purge::{Purge, PurgedDestination, PurgedJournal};
pub use rules::RuleStatus;
pub use schedule::{Schedule, ScheduleSettings};
pub use schema_report::{
    ColumnShape, DestinationHistory, DestinationSchema, HistoryReport, SchemaReport, TableShape,
};
pub use service::{Chore, Chores, Duty, MakeSource, Probe, Service};
pub use settings::{CallDetailsSettings, CallsSettings, DetailsMode, Period, StreamsSettings};
pub use status::{
    BackfillStatus, DestinationStatus, GenerationStatus, QueueStatus, QuotaStatus, Status, StreamStatus,
};
pub use sync::{RunEnd, SyncOptions};
pub use verify::{Check, DEFAULT_SAMPLE, Finding, Named, Verification, VerifyOptions};
