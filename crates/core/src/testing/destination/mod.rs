//! What every destination must do, whatever it is.
//!
//! A test implements [`Readback`] for its destination and calls [`suite`] with a function that makes a fresh,
//! empty one. Each check is public as well, so that a failing one can be run alone.

mod audits;
mod fixture;
mod loads;
mod purges;
mod tables;

use std::future::Future;

use async_trait::async_trait;
use serde_json::Value;

use crate::Destination;

pub use audits::{
    an_audit_holds_up_no_load_and_never_mixes_two, an_audit_names_what_differs,
    an_audit_of_a_fresh_destination_shows_nothing, an_audit_shows_every_row_by_what_places_it,
    an_audit_tells_rows_that_are_marked,
};
pub use fixture::{Call, Script, at, children, journal, parents, purge, schemas, wider_parents};
pub use loads::{
    a_fresh_destination_is_at_the_start, a_load_from_another_journal_is_refused,
    a_load_lands_with_its_position, a_load_without_rows_moves_the_position, a_lower_fence_is_refused,
    a_replacement_leaves_only_what_it_wrote, a_second_load_from_the_same_position_is_refused,
    an_uncommitted_load_leaves_no_trace, two_loads_under_way_never_both_land,
};
pub use purges::{
    a_lower_fence_may_not_purge, a_purged_call_can_be_loaded_again, a_purged_call_is_gone_with_its_children,
    what_is_not_there_is_not_purged,
};
pub use tables::{
    a_call_that_moves_in_time_is_there_once, a_changed_record_replaces_its_row,
    a_deleted_call_comes_back_with_a_newer_version, a_deleted_call_is_marked_with_its_children,
    a_wider_schema_keeps_the_old_rows, an_older_version_is_refused, children_are_replaced_as_a_whole,
    nested_values_and_odd_text_come_back_as_they_were, the_same_version_is_written_again_only_if_asked_for,
};

/// A destination under test, and a way to read it that is not its own.
#[async_trait]
pub trait Readback: Send + Sync {
    /// A handle on the same stored data, as after a restart of the process.
    async fn open(&self) -> Box<dyn Destination>;

    /// The rows of a table as objects by column name, in any order: times as RFC 3339 with microseconds (see
    /// [`crate::format_timestamp`]), nested values as JSON, null as null. No such table has no rows. Rows that are
    /// marked as deleted are included.
    async fn rows(&self, table: &str) -> Vec<Value>;
}

/// Runs every check, each on a fresh destination.
pub async fn suite<R, F>(fresh: impl Fn() -> F)
where
    R: Readback,
    F: Future<Output = R>,
{
    loads::all(&fresh).await;
    purges::all(&fresh).await;
    tables::all(&fresh).await;
    audits::all(&fresh).await;
}
