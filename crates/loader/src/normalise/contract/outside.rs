//! Endpoints outside the vendor's contract: what is certain of them is the key and what a request adds; the rest is
//! inferred. The calls of a playlist are calls as the list shows them.

use super::calls::{CALL, CRM_AND_METRICS};
use super::{Contract, Field, day, text};

pub(super) const PLAYLIST_CALLS: Contract =
    Contract::plain("playlist_calls", &["playlist_id", "id"], &[PLAYLIST_CALL, CALL, CRM_AND_METRICS]);
pub(super) const USER_STATS: Contract =
    Contract::plain("user_stats", &["email", "window_from", "window_to"], &[&[text("email")], WINDOW]);
pub(super) const AGGREGATE_STATS: Contract =
    Contract::plain("aggregate_stats", &["window_from", "window_to"], &[WINDOW]);

const PLAYLIST_CALL: &[Field] = &[text("playlist_id"), text("id")];

/// The days of a statistic, both included.
const WINDOW: &[Field] = &[day("window_from"), day("window_to")];
