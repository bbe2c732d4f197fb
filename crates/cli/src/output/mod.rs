//! What people read: reports and tables on stdout, progress on stderr.

mod bars;
mod journal;
pub(crate) mod paint;
mod plan;
mod report;
mod sample;
mod schema;
mod status;
mod table;
mod verify;

pub(crate) use bars::Bars;
pub(crate) use journal::{compacted, journal, purged};
pub(crate) use plan::plan;
pub(crate) use report::{destinations, retried, run_report};
pub(crate) use sample::{Column, Sampled, raw, sampled};
pub(crate) use schema::{schema, schema_history};
pub(crate) use status::{rejected, status, streams};
pub(crate) use table::table;
pub(crate) use verify::verification;
