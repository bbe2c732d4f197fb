//! The vocabulary and the ports of clarion.
//!
//! Nothing here does I/O. The other crates implement the ports ([`Journal`], [`StateStore`], [`Ledger`],
//! [`Lease`], [`Inbox`], [`Source`], [`Destination`]) and never name each other; only the binary knows them all.
//!
//! Invariant: this crate never depends on another crate of the workspace.

mod audit;
mod backfill;
mod budget;
mod call;
mod change;
mod clock;
mod declaration;
mod destination;
mod digest;
mod entry;
mod error;
mod gauges;
mod inbox;
mod journal;
mod known;
mod lead;
mod lease;
mod ledger;
mod name;
mod normalise;
mod observe;
mod period;
mod position;
mod purged;
mod report;
mod rules;
mod schema;
mod source;
mod state;
mod stop;
mod time;

pub mod fault;
pub mod json;
#[cfg(feature = "testing")]
pub mod testing;

pub use audit::{Audit, AuditRow, Deviation, Difference};
pub use backfill::{Backfill, SliceInHand};
pub use budget::Recent;
pub use call::{StatusClass, has_content};
pub use change::{ChangeSet, Novelty, RejectedValue, SchemaChange, SchemaChanged, TableChange, Tombstone};
pub use clock::{Clock, ManualClock, ShiftedClock, SystemClock};
pub use declaration::{Bindings, Contract, DateUnit, Declaration, Fields, Paging, Template, built_in};
pub use destination::{
    ChangedKeys, Destination, DestinationState, Load, LoadReport, LoadSpec, PurgeSpec, TableStats,
    check_journal,
};
pub use digest::{Fingerprint, Fingerprinter, content_hash};
pub use entry::{Entry, Op};
pub use error::{Error, Kind, Result, Retry};
pub use gauges::{Gauges, StreamGauge};
pub use inbox::{Inbox, Notice, Taken};
pub use journal::{Checkpoint, IndexLine, Journal, SegmentHeader, SegmentInfo};
pub use known::{Known, QueueEntry, Reason};
pub use lead::Lead;
pub use lease::{Fence, Lease, LeaseGuard};
pub use ledger::{Ask, Grant, Ledger, Purpose, Spent, WeekUse};
pub use name::{JournalId, RecordKey, RunId, StreamName, TableName};
pub use normalise::{ColumnNames, Gone, Item, MakeNormaliser, Normalise, column_names};
pub use observe::{Event, Observer, RunSummary, Silent};
pub use period::Period;
pub use position::{Position, SegmentNo};
pub use purged::Purged;
pub use report::{DestinationReport, Outcome, QuotaReport, RequestReport, RunReport, StreamReport};
pub use rules::{ColumnRules, HashKey, Rule, RuleMemory, Ruled, Rules, StreamColumns, StreamMemory};
pub use schema::{Column, ColumnType, KIND_METADATA, TableSchema};
pub use source::{
    Collected, Fetched, ListRequest, Listed, PageSink, ReadEnd, ReadRequest, Source, SourceRecord, Usage,
    Visibility, Window,
};
pub use state::{Progress, Rejected, RunRecord, Slice, Span, StateStore};
pub use stop::Stop;
pub use time::{Timestamp, format_timestamp, from_millis, parse_date_or_age, parse_timestamp, week_start};
